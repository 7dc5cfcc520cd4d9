package core_test

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"trivium/core"
	"trivium/core/coretest"
)

// The memory of a transfer stays for the next ones while they come, and goes when none has come for two minutes.
func TestMemoryOfTransfersIsGivenBack(t *testing.T) {
	const size = 8 << 20
	data := coretest.Bytes(1, size)
	synctest.Test(t, func(t *testing.T) {
		env := coretest.New(t, coretest.Options{})
		ctx, s := t.Context(), env.Service
		_, err := env.Bucket(ctx, "bkt", core.VersioningOff, core.BucketPolicy{NoMD5: true, NoSHA256: true})
		ok(t, "bucket", err)
		for range 10 {
			_, err := env.Admin.PutObject(ctx, "bkt", "a", bytes.NewReader(data), size, core.PutOptions{})
			ok(t, "put", err)
			time.Sleep(30 * time.Second)
			if b := s.TransferMemory(); b.Used != 0 || b.Allocated == 0 {
				t.Errorf("between two transfers the budget is %+v, want none used and some kept", b)
			}
		}
		time.Sleep(2 * time.Minute)
		if b := s.TransferMemory(); b.Allocated != 0 {
			t.Errorf("two minutes after the last transfer %d bytes are kept, want none", b.Allocated)
		}
	})
}
