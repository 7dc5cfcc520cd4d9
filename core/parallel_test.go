package core_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"

	"trivium/core"
	"trivium/core/coretest"
)

// TestReadersAndWriters lets readers meet writers, deleters, movers and a collector that claims what nobody refers
// to. Every content tells its seed and size, so that a reader knows right bytes from wrong ones.
func TestReadersAndWriters(t *testing.T) {
	env := newEnv(t, coretest.Options{Spaces: 2, InlineMax: 4096})
	n := seed(t)
	var wg, collector sync.WaitGroup
	done := make(chan struct{})
	collector.Go(func() { claim(t, env, done) })
	for i := range 6 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(n, uint64(i)))
			for range 300 / slower {
				if err := meet(t.Context(), env, rnd); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	close(done)
	collector.Wait()
}

// meet does one random thing to one of few keys.
func meet(ctx context.Context, env *coretest.Env, rnd *rand.Rand) error {
	bucket := []string{"off", "ver"}[rnd.IntN(2)]
	key := fmt.Sprintf("k%d", rnd.IntN(4))
	var err error
	switch rnd.IntN(10) {
	case 0, 1, 2:
		data := telling(rnd.Uint64N(30), 16+rnd.IntN(60_000))
		_, err = env.Admin.PutObject(ctx, bucket, key, bytes.NewReader(data), int64(len(data)), core.PutOptions{})
	case 3:
		_, err = env.Admin.DeleteObject(ctx, bucket, key, core.DeleteOptions{})
	case 4:
		src := core.Path{Bucket: "off", Key: fmt.Sprintf("k%d", rnd.IntN(4))}
		_, err = env.Admin.CopyObject(ctx, src, core.Path{Bucket: bucket, Key: key}, core.CopyOptions{})
	case 5:
		src := core.Path{Bucket: bucket, Key: fmt.Sprintf("k%d", rnd.IntN(4))}
		_, err = env.Admin.MoveObject(ctx, src, core.Path{Bucket: bucket, Key: key}, core.MoveOptions{Overwrite: true})
	case 6:
		err = join(ctx, env, core.Path{Bucket: bucket, Key: key}, telling(rnd.Uint64N(30), 40_000))
	default:
		err = check(ctx, env, bucket, key)
	}
	switch core.CodeOf(err) { //nolint:exhaustive // what the others did may be in the way, nothing else
	case core.NoSuchKey, core.Conflict:
		return nil
	}
	return err
}

// telling returns content that names its seed and size in the first 16 bytes.
func telling(seed uint64, size int) []byte {
	data := coretest.Bytes(seed, size)
	binary.BigEndian.PutUint64(data, seed)
	binary.BigEndian.PutUint64(data[8:], uint64(size))
	return data
}

// join puts data as an upload of two parts.
func join(ctx context.Context, env *coretest.Env, p core.Path, data []byte) error {
	u, err := env.Admin.CreateUpload(ctx, p, core.PutOptions{}, core.Checksum{})
	if err != nil {
		return err
	}
	var named []core.CompletePart
	for i, half := range [][]byte{data[:len(data)/2], data[len(data)/2:]} {
		req := core.PartRequest{Number: i + 1, Body: bytes.NewReader(half), Size: int64(len(half))}
		if _, _, err := env.Admin.PutPart(ctx, p, u.ID, req); err != nil {
			return err
		}
		named = append(named, core.CompletePart{Number: i + 1})
	}
	_, err = env.Admin.CompleteUpload(ctx, p, u.ID, named, core.CompleteOptions{Size: int64(len(data))})
	return err
}

// check reads an object and compares its bytes with what they say they are.
func check(ctx context.Context, env *coretest.Env, bucket, key string) error {
	r, err := env.Admin.OpenObject(ctx, bucket, key, core.GetOptions{})
	if err != nil {
		return err
	}
	defer r.Body.Close()
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return fmt.Errorf("read %s: %w", key, err)
	}
	if len(data) < 16 || !bytes.Equal(data, telling(binary.BigEndian.Uint64(data), int(binary.BigEndian.Uint64(data[8:])))) {
		return fmt.Errorf("%s has %d wrong bytes", key, len(data))
	}
	return nil
}

// claim removes the rows of blobs that nothing refers to, as the collector does; their shards stay, as they do
// while a reader has them pinned.
func claim(t *testing.T, env *coretest.Env, done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		default:
		}
		err := env.Meta.Update(context.WithoutCancel(t.Context()), func(ctx context.Context, tx core.MetaTx) error {
			blobs, err := tx.Unreferenced(ctx, 100)
			for _, b := range blobs {
				if err := tx.DeleteBlob(ctx, b.ID); err != nil {
					return err
				}
			}
			return err
		})
		if err != nil {
			t.Error(err)
			return
		}
	}
}
