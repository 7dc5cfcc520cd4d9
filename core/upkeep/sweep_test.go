package upkeep

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"trivium/core"
	"trivium/core/coretest"
)

// A bucket with something that is held keeps no other from being emptied, and is looked through once an hour, or when
// somebody asks for it.
func TestSweepOfHeldBuckets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := coretest.New(t, coretest.Options{})
		ctx, r := t.Context(), New(env.Service.Maintenance())
		held := time.Now().Add(10 * time.Minute)
		doom := func(bucket string, until int64) {
			t.Helper()
			_, err := env.Bucket(ctx, bucket, core.VersioningEnabled, core.BucketPolicy{})
			if err == nil {
				_, err = env.Admin.PutObject(ctx, bucket, "k", strings.NewReader("x"), 1, core.PutOptions{
					Attrs: core.Attrs{RetainUntil: until},
				})
			}
			b, found := env.Admin.Bucket(ctx, bucket)
			if err = cmp.Or(err, found); err == nil {
				err = env.Meta.Update(ctx, func(ctx context.Context, tx core.MetaTx) error {
					b.Deleting = true // as if nothing in it were held
					return errors.Join(tx.PutBucket(ctx, b), tx.BumpConfig(ctx))
				})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		sweep := func(left int, sweep func(context.Context) (Report, error)) {
			t.Helper()
			_, err := sweep(ctx)
			doomed, failed := r.m.Doomed(ctx)
			if err != nil || failed != nil || len(doomed) != left {
				t.Errorf("%d buckets are left after Sweep = %v, want %d; Doomed = %v", len(doomed), err, left, failed)
			}
		}
		background := func(ctx context.Context) (Report, error) { return r.sweep(ctx, heldRest) }
		doom("bucket-a", held.UnixNano())
		doom("bucket-b", 0)
		sweep(1, background)
		time.Sleep(11 * time.Minute)
		doom("bucket-c", 0)
		sweep(1, background) // bucket-a could go by now
		time.Sleep(50 * time.Minute)
		sweep(0, background)

		doom("bucket-d", time.Now().Add(10*time.Minute).UnixNano())
		sweep(1, background)
		time.Sleep(11 * time.Minute)
		sweep(0, r.Sweep)
	})
}
