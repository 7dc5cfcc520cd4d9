package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"trivium/core"
	"trivium/core/meta/sqlite"
)

// fillBatch is how many entries one transaction makes.
const fillBatch = 1000

// fill makes two buckets of size empty objects each in the metadata of a stopped server: "flat-<size>" without
// slashes and "tree-<size>" in 1,000 packages.
func fill(ctx context.Context, data string, size int) (err error) {
	meta, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(data, "meta", "trivium.db")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, meta.Close()) }()
	flat := func(i int) string { return fmt.Sprintf("key-%08d", i) }
	tree := func(i int) string { return fmt.Sprintf("p%03d/key-%08d", i%1000, i) }
	if err := fillBucket(ctx, meta, fmt.Sprintf("flat-%d", size), size, flat); err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	name := fmt.Sprintf("tree-%d", size)
	if err := fillBucket(ctx, meta, name, size, tree); err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	return fillPackages(ctx, meta, name)
}

// fillBucket makes the bucket and its entries.
func fillBucket(ctx context.Context, meta core.MetaStore, name string, size int, key func(i int) string) error {
	var id int64
	err := meta.Update(ctx, func(ctx context.Context, tx core.MetaTx) error {
		users, err := tx.Users(ctx, 0, 1)
		if err != nil || len(users) == 0 {
			return errors.Join(err, errors.New("no user"))
		}
		if id, err = tx.ReserveIDs(ctx, "bucket", 1); err != nil {
			return err
		}
		return errors.Join(tx.BumpConfig(ctx), tx.PutBucket(ctx, core.Bucket{
			ID: id, Name: name, Owner: users[0].ID, CreateTime: time.Now().UnixNano(),
		}))
	})
	for i := 0; i < size && err == nil; i += fillBatch {
		err = meta.Update(ctx, func(ctx context.Context, tx core.MetaTx) error {
			return fillEntries(ctx, tx, id, i, key)
		})
	}
	return err
}

// fillEntries makes a batch of entries.
func fillEntries(ctx context.Context, tx core.MetaTx, bucketID int64, from int, key func(i int) string) error {
	first, err := tx.ReserveIDs(ctx, "object", fillBatch)
	if err != nil {
		return err
	}
	now := time.Now().UnixNano()
	for i := range fillBatch {
		err := tx.PutEntry(ctx, core.Entry{
			BucketID: bucketID, Key: key(from + i), ObjectID: first + int64(i), CreateTime: now, LastVersion: now,
			Version: core.Version{
				Seq: 1, ID: now, Null: true, ETag: "d41d8cd98f00b204e9800998ecf8427e", UpdateTime: now, MTime: core.NoTime,
				Attrs: core.Attrs{
					ContentType: "binary/octet-stream", Checksum: core.Checksum{Algorithm: "CRC64NVME", Value: "AAAAAAAAAAA="},
				},
			},
		})
		if err != nil {
			return err
		}
	}
	return tx.AddUsage(ctx, bucketID, core.Usage{Objects: fillBatch})
}

// fillPackages makes the rows of the implied packages.
func fillPackages(ctx context.Context, meta core.MetaStore, bucketName string) error {
	return meta.Update(ctx, func(ctx context.Context, tx core.MetaTx) error {
		b, _, err := tx.BucketByName(ctx, bucketName)
		if err != nil {
			return err
		}
		first, err := tx.ReserveIDs(ctx, "package", fillBatch)
		for i := range int64(fillBatch) {
			err = errors.Join(err, tx.PutPackage(ctx, core.Package{
				ID: first + i, BucketID: b.ID, Name: fmt.Sprintf("p%03d", i), CreateTime: time.Now().UnixNano(),
			}))
		}
		return err
	})
}
