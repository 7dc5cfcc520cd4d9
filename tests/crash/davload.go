package crash

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// davError is an answer of WebDAV that is no success.
type davError struct {
	status int
	text   string
}

// Error describes the answer.
func (e *davError) Error() string { return fmt.Sprintf("%d: %.300s", e.status, e.text) }

// davRequest is one call of WebDAV.
type davRequest struct {
	method, bucket, key string
	header              map[string]string
	body                []byte
}

// davAddress is that of a key.
func (p *process) davAddress(bucket, key string) string {
	return p.client.Endpoint + "/dav" + (&url.URL{Path: "/" + bucket + "/" + key}).EscapedPath()
}

// dav sends a call and reads the answer whole; a *davError for any status but 2xx.
func (p *process) dav(ctx context.Context, r davRequest) (http.Header, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, p.davAddress(r.bucket, r.key), bytes.NewReader(r.body))
	if err != nil {
		return nil, nil, err
	}
	req.GetBody = nil // one attempt
	req.SetBasicAuth(accessKey, secretKey)
	for name, value := range r.header {
		req.Header.Set(name, value)
	}
	resp, err := p.client.HTTP.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := readAll(resp.Body, resp.ContentLength)
	if err != nil {
		return nil, nil, err
	}
	if resp.StatusCode/100 != 2 {
		return nil, nil, &davError{resp.StatusCode, string(body)}
	}
	return resp.Header, body, nil
}

// readAll reads size bytes, or all of what has no known size.
func readAll(r io.Reader, size int64) ([]byte, error) {
	body, err := io.ReadAll(r)
	if err == nil && size >= 0 && int64(len(body)) != size {
		err = io.ErrUnexpectedEOF
	}
	return body, err
}

// davCall sends a call of WebDAV.
func (w *worker) davCall(ctx context.Context, p *process) error {
	switch w.rnd.IntN(14) {
	case 0, 1, 2, 3:
		return w.davPut(ctx, p, w.pick())
	case 4:
		return w.davDelete(ctx, p, w.pick())
	case 5:
		return w.davCopy(ctx, p, w.pick())
	case 6:
		return w.davMove(ctx, p)
	case 7, 8:
		return w.davFolder(ctx, p, "MOVE")
	case 9:
		return w.davFolder(ctx, p, "COPY")
	case 10:
		return w.davFolder(ctx, p, http.MethodDelete)
	case 11:
		return w.proppatch(ctx, p, w.files[w.rnd.IntN(len(w.files))])
	}
	return w.davLock(ctx, p)
}

// send sends a call of WebDAV that makes changes.
func (w *worker) send(ctx context.Context, p *process, r davRequest, changes ...change) error {
	_, _, err := p.dav(ctx, r)
	return w.settle(p, r.method, err, changes...)
}

// mkcol makes a folder, which must not be there.
func (w *worker) mkcol(ctx context.Context, p *process, f *folder) error {
	return w.send(ctx, p, davRequest{method: "MKCOL", bucket: plain, key: f.path}, change{f.marker(), marker()})
}

// davPut writes a file; its folder is made first.
func (w *worker) davPut(ctx context.Context, p *process, o *object) error {
	if f := w.folderOf(o); f != nil && !f.there() {
		return w.mkcol(ctx, p, f)
	}
	body, mtime := w.body(), w.mtime()
	r := davRequest{method: http.MethodPut, bucket: o.bucket, key: o.key, body: body, header: map[string]string{}}
	if mtime != "" {
		r.header["X-OC-Mtime"] = mtime
	}
	return w.send(ctx, p, r, change{o, stateOf(body, mtime)})
}

func (w *worker) davDelete(ctx context.Context, p *process, o *object) error {
	if !o.there() {
		return w.davPut(ctx, p, o)
	}
	changes := append(w.folderOf(o).without(o), change{o, absent})
	return w.send(ctx, p, davRequest{method: http.MethodDelete, bucket: o.bucket, key: o.key}, changes...)
}

// onto is the header of a COPY or MOVE.
func onto(p *process, bucket, key string) map[string]string {
	return map[string]string{"Destination": p.davAddress(bucket, key), "Overwrite": "T"}
}

// davCopy copies a file of the plain bucket over another one.
func (w *worker) davCopy(ctx context.Context, p *process, to *object) error {
	from := w.choose(true)
	if f := w.folderOf(to); from == nil || from == to || f != nil && !f.there() {
		return w.davPut(ctx, p, to)
	}
	r := davRequest{method: "COPY", bucket: from.bucket, key: from.key, header: onto(p, to.bucket, to.key)}
	return w.send(ctx, p, r, change{to, from.state})
}

// davMove moves a file over another one.
func (w *worker) davMove(ctx context.Context, p *process) error {
	from, to := w.choose(true), w.files[w.rnd.IntN(len(w.files))]
	if f := w.folderOf(to); from == nil || from == to || f != nil && !f.there() {
		return w.davPut(ctx, p, to)
	}
	changes := []change{{from, absent}, {to, from.state}}
	if f := w.folderOf(from); f != w.folderOf(to) {
		changes = append(changes, f.without(from)...)
	}
	return w.send(ctx, p, davRequest{method: "MOVE", bucket: from.bucket, key: from.key, header: onto(p, to.bucket, to.key)}, changes...)
}

// davFolder moves or copies one folder onto the other, or deletes it, with all in it.
func (w *worker) davFolder(ctx context.Context, p *process, method string) error {
	i := w.rnd.IntN(2)
	from, to := w.folders[i], w.folders[1-i]
	if !from.there() {
		return w.mkcol(ctx, p, from)
	}
	var changes []change
	r := davRequest{method: method, bucket: plain, key: from.path}
	for n, o := range from.members {
		if method != http.MethodDelete {
			changes = append(changes, change{to.members[n], o.state})
		}
		if method != "COPY" {
			changes = append(changes, change{o, absent})
		}
	}
	if method != http.MethodDelete {
		r.header = onto(p, plain, to.path)
	}
	return w.send(ctx, p, r, changes...)
}

// proppatch sets the client's time.
func (w *worker) proppatch(ctx context.Context, p *process, o *object) error {
	if !o.there() {
		return w.davPut(ctx, p, o)
	}
	at := 1_500_000_000 + w.rnd.Int64N(1_000_000)
	body := `<D:propertyupdate xmlns:D="DAV:" xmlns:Z="urn:schemas-microsoft-com:"><D:set><D:prop><Z:Win32LastModifiedTime>` +
		time.Unix(at, 0).UTC().Format(http.TimeFormat) + `</Z:Win32LastModifiedTime></D:prop></D:set></D:propertyupdate>`
	r := davRequest{method: "PROPPATCH", bucket: o.bucket, key: o.key, body: []byte(body)}
	_, answer, err := p.dav(ctx, r)
	if err == nil && !bytes.Contains(answer, []byte(" 200 ")) {
		return fmt.Errorf("PROPPATCH of %s/%s: %s", o.bucket, o.key, answer)
	}
	return w.settle(p, "PROPPATCH", err, change{o, withTime(o.state, strconv.FormatInt(at, 10))})
}

// davLock locks a file, which makes it if need be, writes under the lock, with its token and without, and unlocks it.
func (w *worker) davLock(ctx context.Context, p *process) error {
	o := w.locked
	r := davRequest{bucket: o.bucket, key: o.key, header: map[string]string{}}
	if o.lock == "" {
		r.method, r.header["Timeout"] = "LOCK", "Second-86400"
		r.body = []byte(`<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>`)
		var changes []change
		if !o.there() {
			changes = []change{{o, marker()}}
		}
		h, _, err := p.dav(ctx, r)
		if err == nil {
			o.lock = strings.Trim(h.Get("Lock-Token"), "<>")
		}
		return w.settleLock(p, "LOCK", err, changes...)
	}
	switch w.rnd.IntN(4) {
	case 0:
		r.method, r.header["Lock-Token"] = "UNLOCK", "<"+o.lock+">"
		_, _, err := p.dav(ctx, r)
		if err == nil {
			o.lock = ""
		}
		return w.settleLock(p, r.method, err)
	case 1:
		r.method, r.body = http.MethodPut, []byte("by somebody else")
		_, _, err := p.dav(ctx, r)
		if s := status(err); s != http.StatusLocked && s != 0 {
			return fmt.Errorf("PUT of the locked %s without the token: %w, want 423", o.key, err)
		}
		return nil
	}
	r.method, r.body, r.header["If"] = http.MethodPut, w.body(), "(<"+o.lock+">)"
	return w.send(ctx, p, r, change{o, stateOf(r.body, "")})
}

// settleLock is settle for what locks or unlocks.
func (w *worker) settleLock(p *process, what string, err error, changes ...change) error {
	err = w.settle(p, what, err, changes...)
	if w.unsure != nil {
		w.unsure.lock = w.locked
	}
	return err
}

var lockToken = regexp.MustCompile(`<D:locktoken><D:href>([^<]*)</D:href>`)

// lockOf is the token of the lock of a file, "" for none.
func (p *process) lockOf(ctx context.Context, o *object) (string, error) {
	body := `<D:propfind xmlns:D="DAV:"><D:prop><D:lockdiscovery/></D:prop></D:propfind>`
	r := davRequest{method: "PROPFIND", bucket: o.bucket, key: o.key, body: []byte(body), header: map[string]string{"Depth": "0"}}
	_, answer, err := p.dav(ctx, r)
	if status(err) == http.StatusNotFound {
		return "", nil
	}
	if found := lockToken.FindSubmatch(answer); found != nil {
		return string(found[1]), err
	}
	return "", err
}

// fetchDAV reads a file through WebDAV.
func fetchDAV(ctx context.Context, p *process, o *object) (string, error) {
	h, body, err := p.dav(ctx, davRequest{method: http.MethodGet, bucket: o.bucket, key: o.key})
	if status(err) == http.StatusNotFound {
		return absent, nil
	}
	if err != nil {
		return "", err
	}
	mtime := ""
	if at, err := http.ParseTime(h.Get("Last-Modified")); err == nil && at.Year() == 2017 { // as the load has its times
		mtime = strconv.FormatInt(at.Unix(), 10)
	}
	return stateOf(body, mtime), err
}
