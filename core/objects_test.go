package core_test

import (
	"bytes"
	"io"
	"testing"

	"trivium/core"
	"trivium/core/coretest"
)

func TestSmoke(t *testing.T) {
	env := coretest.New(t, coretest.Options{})
	ctx := t.Context()
	if _, err := env.Bucket(ctx, "bucket", core.VersioningOff, core.BucketPolicy{}); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 5, 20000, 3 << 20} {
		data := bytes.Repeat([]byte("abcde"), n/5)
		if _, err := env.Admin.PutObject(ctx, "bucket", "a/b", bytes.NewReader(data), int64(len(data)), core.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		r, err := env.Admin.OpenObject(ctx, "bucket", "a/b", core.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r.Body)
		if err != nil || !bytes.Equal(got, data) {
			t.Fatalf("read %d bytes, %v, want %d", len(got), err, len(data))
		}
		r.Body.Close()
	}
}
