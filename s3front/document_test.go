package s3front

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/semaphore"

	"trivium/core"
	"trivium/core/coretest"
	"trivium/s3front/s3xml"
	"trivium/s3front/sigv4"
)

// TestDocumentMemory: documents wait for memory, and are told to slow down when none comes.
func TestDocumentMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := semaphore.NewWeighted(documentMemory)
		first, second := reservation{pool: pool}, reservation{pool: pool}
		if err := first.take(t.Context(), documentMemory); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		err := second.take(t.Context(), 1)
		if err == nil || translate(err).code != slowDown || time.Since(start) != documentWait {
			t.Errorf("take without memory = %v after %v, want SlowDown after %v", err, time.Since(start), documentWait)
		}
		time.AfterFunc(time.Second, first.release)
		if err := second.take(t.Context(), 1); err != nil {
			t.Fatalf("take when memory is given back = %v", err)
		}
		if second.release(); !pool.TryAcquire(documentMemory) {
			t.Error("memory is missing after everything was given back")
		}
	})
}

// TestSilentDocuments: whoever announces a document and sends none of it takes no memory from others.
func TestSilentDocuments(t *testing.T) {
	e := newEnv(t)
	e.must(put("/bucket", ""))
	for range 20 {
		r := e.request(post("/bucket/k?uploadId=1", "x").unsigned())
		r.Header.Set("Content-Length", fmt.Sprint(maxCompleteBody))
		r.Header.Set("Expect", "100-continue")
		line, err := e.raw(r, "").ReadString('\n')
		if err != nil || !strings.HasPrefix(line, "HTTP/1.1 100") {
			t.Fatalf("first line %q, %v, want that the body is asked for", line, err)
		}
	}
	d, isDoor := e.srv.Config.Handler.(*door)
	if !isDoor || !d.documents.TryAcquire(documentMemory) {
		t.Fatal("memory is reserved for documents of which nothing came")
	}
	d.documents.Release(documentMemory)
	doc := "<Delete><Object><Key>k</Key></Object></Delete>" + strings.Repeat(" ", 1<<20)
	e.must(post("/bucket?delete", doc, "X-Amz-Checksum-Crc32: "+crcOf(doc)))
}

// watched is a store that calls the function in the context of a transaction, if there is one.
type watched struct{ core.MetaStore }

type duringKey struct{}

// Update implements core.MetaStore.
func (w watched) Update(ctx context.Context, fn func(ctx context.Context, tx core.MetaTx) error) error {
	if during, ok := ctx.Value(duringKey{}).(func()); ok {
		during()
	}
	return w.MetaStore.Update(ctx, fn)
}

// TestDocumentMemoryIsHeld: what a tree takes is reserved until the operation is done, and then all of it is free.
func TestDocumentMemoryIsHeld(t *testing.T) {
	e := newEnvOn(t, coretest.Options{WrapMeta: func(s core.MetaStore) core.MetaStore { return watched{s} }})
	d := newDoor(Config{Service: e.core.Service, Now: func() time.Time { return time.Unix(0, e.now.Load()) }})
	e.must(put("/bucket", ""))
	doc := "<Delete><Object><Key>k</Key></Object>" + strings.Repeat("<a/>", 50_000) + "</Delete>"
	cost := s3xml.Cost([]byte(doc))
	seen := 0
	inside := func() {
		seen++
		if rest := documentMemory - cost + 1; d.documents.TryAcquire(rest) {
			d.documents.Release(rest)
			t.Errorf("less than %d bytes are reserved for a tree of that size", cost)
		}
	}
	send := func(r *http.Request, status int) {
		t.Helper()
		r.RequestURI = r.URL.RequestURI()
		r = r.WithContext(context.WithValue(r.Context(), duringKey{}, inside))
		w := httptest.NewRecorder()
		if d.router.ServeHTTP(w, r); w.Code != status {
			t.Errorf("%s = %d %s, want %d", r.URL, w.Code, w.Body, status)
		}
		if !d.documents.TryAcquire(documentMemory) {
			t.Fatal("memory is held after the answer")
		}
		d.documents.Release(documentMemory)
	}
	c := post("/bucket?delete", doc, "X-Amz-Checksum-Crc32: "+crcOf(doc))
	send(e.request(c), http.StatusOK)
	send(e.request(c.stream(sigv4.StreamPayload)), http.StatusOK)
	send(e.request(post("/bucket?delete", doc, "X-Amz-Checksum-Crc32: AAAAAA==")), http.StatusBadRequest)
	broken := doc[:len(doc)-1]
	send(e.request(post("/bucket?delete", broken, "X-Amz-Checksum-Crc32: "+crcOf(broken))), http.StatusBadRequest)
	send(e.request(post("/bucket/k?uploadId=1", doc)), http.StatusBadRequest)
	if seen < 2 { // ids are reserved in one of their own
		t.Errorf("%d transactions, want one at least for each good request", seen)
	}
}
