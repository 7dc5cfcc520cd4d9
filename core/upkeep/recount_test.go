package upkeep

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"trivium/core"
	"trivium/core/content"
	"trivium/core/coretest"
	"trivium/core/meta/metatest"
)

// smallWindow makes a recount of few rows read them several times.
const smallWindow = 3

// TestRecountOfRandomHistories finds nothing wrong in what random operations leave.
func TestRecountOfRandomHistories(t *testing.T) {
	seed := uint64(time.Now().UnixNano()) % 1_000_000
	t.Logf("seed %d", seed)
	for name, inlineMax := range map[string]int64{"inline": 0, "blobs": -1} {
		t.Run(name, func(t *testing.T) {
			env := coretest.New(t, coretest.Options{InlineMax: inlineMax})
			err := coretest.RunModel(t.Context(), env, coretest.ModelOptions{
				Seed: seed, Ops: 150, Check: func(ctx context.Context, env *coretest.Env) error {
					rep, err := recountIn(ctx, env.Meta, smallWindow)
					if err == nil && rep.Wrong > 0 {
						err = fmt.Errorf("found %q", rep.Found)
					}
					return err
				},
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

// library is a store with some of everything that has a count.
func library(t *testing.T) *coretest.Env {
	t.Helper()
	env, ctx := coretest.New(t, coretest.Options{}), t.Context()
	if _, err := env.Bucket(ctx, "bkt", core.VersioningEnabled, core.BucketPolicy{}); err != nil {
		t.Fatal(err)
	}
	for i := range 7 {
		for _, size := range []int{100, 100 << 10} {
			data := coretest.Bytes(uint64(i), size)
			key := fmt.Sprintf("key%d-%d", i%5, size)
			if _, err := env.Admin.PutObject(ctx, "bkt", key, bytes.NewReader(data), int64(size), core.PutOptions{}); err != nil {
				t.Fatal(err)
			}
			dst := core.Path{Bucket: "bkt", Key: "copy-" + key}
			if _, err := env.Admin.CopyObject(ctx, core.Path{Bucket: "bkt", Key: key}, dst, core.CopyOptions{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return env
}

func TestRecountFinds(t *testing.T) {
	for _, tt := range []struct {
		name   string
		damage func(ctx context.Context, tx core.MetaTx) error
		want   string
	}{
		{"nothing", func(context.Context, core.MetaTx) error { return nil }, ""},
		{"references of a blob", func(ctx context.Context, tx core.MetaTx) error {
			b, err := tx.Blobs(ctx, content.BlobID{}, 100)
			if err != nil {
				return err
			}
			_, err = tx.AddBlobRefs(ctx, b[len(b)-1].ID, 1)
			return err
		}, " has 1 references, says 2"},
		{"missing blob", func(ctx context.Context, tx core.MetaTx) error {
			b, err := tx.Blobs(ctx, content.BlobID{}, 100)
			if err != nil {
				return err
			}
			return tx.DeleteBlob(ctx, b[len(b)-1].ID)
		}, ": its blob "},
		{"references of a list", func(ctx context.Context, tx core.MetaTx) error {
			l, err := tx.Lists(ctx, 0, 1)
			if err != nil {
				return err
			}
			_, _, err = tx.AddListRefs(ctx, l[0].ID, 1)
			return err
		}, " references, says "},
		{"missing list", func(ctx context.Context, tx core.MetaTx) error {
			l, err := tx.Lists(ctx, 0, 100)
			if err != nil {
				return err
			}
			return tx.DeleteList(ctx, l[len(l)-1].ID)
		}, ": its list "},
		{"missing inline row", func(ctx context.Context, tx core.MetaTx) error {
			ids, err := tx.Inlines(ctx, 0, 100)
			if err != nil {
				return err
			}
			return tx.DeleteInline(ctx, ids[len(ids)-1])
		}, ": its inline row "},
		{"inline row of nobody", func(ctx context.Context, tx core.MetaTx) error {
			return tx.PutInline(ctx, 1<<40, 1, []byte("x"))
		}, "inline row 1099511627776 is referred to 0 times"},
		{"usage", func(ctx context.Context, tx core.MetaTx) error {
			b, _, err := tx.BucketByName(ctx, "bkt")
			if err != nil {
				return err
			}
			return tx.AddUsage(ctx, b.ID, core.Usage{Objects: 1})
		}, "bucket bkt holds 20 objects and "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			env := library(t)
			if err := env.Meta.Update(t.Context(), tt.damage); err != nil {
				t.Fatal(err)
			}
			for _, window := range []int{1, smallWindow, recountWindow} {
				rep, err := recountIn(t.Context(), env.Meta, window)
				if err != nil {
					t.Fatal(err)
				}
				found := strings.Join(rep.Found, "\n")
				if (rep.Wrong > 0) != (tt.want != "") || !strings.Contains(found, tt.want) || rep.Objects != 20 || rep.Versions != 28 {
					t.Errorf("window %d: Recount = %+v, want %q in it", window, rep, tt.want)
				}
			}
			if err := metatest.Recount(t.Context(), env.Meta); (err != nil) != (tt.want != "") {
				t.Errorf("the suite's recount = %v", err)
			}
		})
	}
}

func TestRecountGivenUp(t *testing.T) {
	env := library(t)
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	err := env.Meta.View(t.Context(), func(inner context.Context, tx core.MetaTx) error {
		cancel()
		rc := &recount{rows: rows{tx, ctx}, rep: new(Recounted), window: recountWindow}
		calls++
		return rc.contents(inner)
	})
	if !errors.Is(err, context.Canceled) || calls == 0 {
		t.Errorf("a recount that is given up = %v, want Canceled", err)
	}
}
