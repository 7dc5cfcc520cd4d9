package s3front

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"trivium/core"
	"trivium/core/coretest"
)

type looksKey struct{}

// counted counts the looks into the store that belong to a request.
type counted struct{ core.MetaStore }

func (c counted) View(ctx context.Context, fn func(context.Context, core.MetaTx) error) error {
	if n, ok := ctx.Value(looksKey{}).(*atomic.Int32); ok {
		n.Add(1)
	}
	return c.MetaStore.View(ctx, fn)
}

// TestRefusalsLookAlike: how often the store is asked for a refusal tells nothing of whether the key exists, is in use
// or is disabled.
func TestRefusalsLookAlike(t *testing.T) {
	e := newEnvOn(t, coretest.Options{WrapMeta: func(s core.MetaStore) core.MetaStore { return counted{s} }})
	d := newDoor(Config{Service: e.core.Service, Now: func() time.Time { return time.Unix(0, e.now.Load()) }})
	looks := func(c call, status int) int32 {
		t.Helper()
		r := e.request(c)
		r.RequestURI = r.URL.RequestURI()
		n := new(atomic.Int32)
		w := httptest.NewRecorder()
		d.router.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), looksKey{}, n)))
		if w.Code != status {
			t.Errorf("%s as %q = %d, want %d", c.target, c.key, w.Code, status)
		}
		return n.Load()
	}
	wrong := func(key string) call {
		c := get("/").as(key)
		c.mutate = func(r *http.Request, body []byte) []byte {
			claim, _, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
			r.Header.Set("Authorization", claim+"Signature="+strings.Repeat("0", 64))
			return body
		}
		return c
	}
	looks(get("/"), 200) // the administrator's key is in use, alice's is not
	for i, want := range []int32{1, 0, 0} {
		for _, key := range []string{"", "alice", "AKIANOBODY"} {
			if got := looks(wrong(key), 403); got != want {
				t.Errorf("refusal %d of %q asks the store %d times, want %d", i, key, got, want)
			}
		}
	}
	if got := looks(get("/"), 200); got > 1 {
		t.Errorf("an accepted request asks the store %d times, want its own one", got)
	}
}
