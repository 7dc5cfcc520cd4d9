package sqlmeta

import (
	"context"

	"trivium/core"
)

// Deltas collects changes of usage, so that the transactions of a batch write each bucket's row once. The zero
// value is ready.
type Deltas struct {
	batch map[int64]core.Usage // of transactions that will be committed
	own   map[int64]core.Usage // of the one that runs
}

// Keep counts the running transaction's changes to the batch.
func (d *Deltas) Keep() {
	for id, u := range d.own {
		if d.batch == nil {
			d.batch = make(map[int64]core.Usage)
		}
		d.batch[id] = plus(d.batch[id], u)
	}
	clear(d.own)
}

// Forget gives up the running transaction's changes.
func (d *Deltas) Forget() { clear(d.own) }

// Reset gives up everything.
func (d *Deltas) Reset() {
	clear(d.own)
	clear(d.batch)
}

// Write adds what was kept to the rows, over conn, and is empty after it.
func (d *Deltas) Write(ctx context.Context, conn Conn) error {
	defer d.Reset()
	for id, u := range d.batch {
		if u == (core.Usage{}) {
			continue
		}
		if _, err := conn.Exec(ctx, addUsage, id, u.Objects, u.Bytes); err != nil {
			return err
		}
	}
	return nil
}

// add counts a change of the running transaction.
func (d *Deltas) add(bucketID int64, u core.Usage) {
	if d.own == nil {
		d.own = make(map[int64]core.Usage)
	}
	d.own[bucketID] = plus(d.own[bucketID], u)
}

// of is what the rows lack of a bucket's usage.
func (d *Deltas) of(bucketID int64) core.Usage { return plus(d.batch[bucketID], d.own[bucketID]) }

// drop makes nothing remain to be written for a bucket whose row is gone, if the running transaction is kept.
func (d *Deltas) drop(bucketID int64) {
	if d.own == nil {
		d.own = make(map[int64]core.Usage)
	}
	kept := d.batch[bucketID]
	d.own[bucketID] = core.Usage{Objects: -kept.Objects, Bytes: -kept.Bytes}
}
