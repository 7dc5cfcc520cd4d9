package core_test

import (
	"strings"
	"testing"

	"trivium/core"
	"trivium/core/coretest"
)

func TestDocs(t *testing.T) {
	env := coretest.New(t, coretest.Options{})
	ctx := t.Context()
	u, alice := user(t, env, "alice")
	_, err := env.Admin.CreateBucket(ctx, "bucket", core.CreateBucketOptions{})
	ok(t, "create", err)
	ok(t, "grant", env.Admin.SetGrants(ctx, "bucket", []core.Grant{{UserID: u.ID, Access: core.AccessWrite}}))
	doc := func() string {
		body, found, err := env.Admin.Doc(ctx, "bucket", "cors")
		ok(t, "doc", err)
		if !found {
			return "none"
		}
		return string(body)
	}
	for _, body := range []string{"none", "<a/>", "<b/>", ""} {
		next := []byte(body)
		if body == "none" {
			next = nil
		}
		ok(t, "set doc", env.Admin.SetDoc(ctx, "bucket", "cors", next))
		epoch := env.Service.Stamp().ConfigEpoch
		ok(t, "set it again", env.Admin.SetDoc(ctx, "bucket", "cors", next))
		if got := env.Service.Stamp().ConfigEpoch; got != epoch {
			t.Errorf("setting %q again dropped the cache: epoch %d, want %d", body, got, epoch)
		}
		for range 2 { // read, then cached
			if got := doc(); got != body {
				t.Errorf("Doc = %q, want %q", got, body)
			}
		}
	}
	ok(t, "delete doc", env.Admin.SetDoc(ctx, "bucket", "cors", nil))
	if got := doc(); got != "none" {
		t.Errorf("Doc after its deletion = %q", got)
	}
	_, _, err = alice.Doc(ctx, "bucket", "cors")
	wantCode(t, "Doc of a writer", err, core.Forbidden)
	wantCode(t, "SetDoc of a writer", alice.SetDoc(ctx, "bucket", "cors", nil), core.Forbidden)
	for _, kind := range []string{"", "CORS", "a/b", strings.Repeat("a", 33)} {
		wantCode(t, "SetDoc("+kind+")", env.Admin.SetDoc(ctx, "bucket", kind, nil), core.BadArgument)
	}
	wantCode(t, "a document over 1 MiB", env.Admin.SetDoc(ctx, "bucket", "cors", make([]byte, 1<<20+1)), core.TooLarge)
}
