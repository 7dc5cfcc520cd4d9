package davfront

import (
	"bytes"
	"net/http"
	"strings"

	"trivium/core"
	"trivium/davfront/davxml"
)

// lock takes a lock, or with an empty body refreshes one (RFC 4918 §9.10).
func lock(w http.ResponseWriter, r *request, se *core.Session) error {
	d, err := parseDepth(r.Header, depthZero, depthInfinity)
	if err != nil {
		return err
	}
	if r.at.Bucket == "" {
		return &refusal{status: http.StatusForbidden, msg: "the root of the tree cannot be locked"}
	}
	if err := se.May(r.Context(), r.at.Bucket, core.AccessWrite); err != nil {
		return err
	}
	body, err := readDocument(r)
	if err != nil {
		return err
	}
	if len(body) == 0 {
		return refreshLock(w, r, se)
	}
	info, err := davxml.ParseLockinfo(body)
	if err != nil {
		return malformed(err)
	}
	if err := r.parsed(nil, len(info.Owner)); err != nil {
		return err
	}
	l, made, err := se.LockPath(r.Context(), r.at.Path, core.LockRequest{
		Shared: info.Shared, Deep: d == depthInfinity, There: r.at.slash, Time: parseTimeout(r.Header), Note: info.Owner,
	})
	if err != nil {
		return r.lockError(err)
	}
	w.Header().Set("Lock-Token", "<"+l.Token+">")
	status := http.StatusOK
	if made {
		status = http.StatusCreated
	}
	r.writeLocked(w, se, &l, status)
	return nil
}

// refreshLock gives the lock that If names more time.
func refreshLock(w http.ResponseWriter, r *request, se *core.Session) error {
	if r.Header.Get("If") == "" {
		return badRequest("LOCK: without a body it refreshes a lock, which If must name")
	}
	l, err := se.RefreshLock(r.Context(), r.at.Path, parseTimeout(r.Header))
	if err != nil {
		return err
	}
	r.writeLocked(w, se, &l, http.StatusOK)
	return nil
}

// lockError says that it is a lock that is in the way of another, and which (§16, no-conflicting-lock).
func (r *request) lockError(err error) error {
	if core.CodeOf(err) != core.Locked {
		return err
	}
	e := r.translate(err)
	e.condition = "no-conflicting-lock"
	return e
}

// writeLocked answers with the lock. Its root is written as PROPFIND has it.
func (r *request) writeLocked(w http.ResponseWriter, se *core.Session, l *core.Lock, status int) {
	root := core.Path{Bucket: r.at.Bucket, Key: l.Key}
	n, err := se.StatPath(r.Context(), root)
	folder := n.Folder || err != nil && r.at.slash && l.Key == r.at.Key // of what is gone meanwhile, as the client has it
	var b bytes.Buffer
	b.WriteString(xmlHead + `<D:prop xmlns:D="DAV:"><D:lockdiscovery>`)
	writeLock(&b, l, r.door.cfg.Now(), href(root, folder))
	b.WriteString("</D:lockdiscovery></D:prop>\n")
	writeXML(w, status, b.Bytes())
}

// unlock ends a lock (§9.11).
func unlock(w http.ResponseWriter, r *request, se *core.Session) error {
	values := r.Header.Values("Lock-Token")
	if len(values) != 1 {
		return badRequest("Lock-Token: there must be one")
	}
	token := strings.TrimSpace(values[0])
	if len(token) < 3 || token[0] != '<' || token[len(token)-1] != '>' {
		return badRequest("Lock-Token: it must be a token in angle brackets")
	}
	err := se.Unlock(r.Context(), r.at.Path, token[1:len(token)-1])
	if core.CodeOf(err) == core.Conflict && err != nil {
		return &refusal{status: http.StatusConflict, condition: "lock-token-matches-request-uri", msg: "no lock of this token is here", err: err}
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
