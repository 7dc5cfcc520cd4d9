package upkeep

import (
	"context"
	"errors"
	"fmt"
	"math"

	"trivium/core"
	"trivium/core/content"
)

// maxFailing is how many rows that cannot be repaired now RepairAll goes past.
const maxFailing = 10_000

// RepairAll works off every row of repair_queue, those that are not due yet as well, each once: what fails stays queued.
// progress, when not nil, is told after each step how many rows it has worked off.
func (r *Runner) RepairAll(ctx context.Context, progress func(rows int64)) (Report, error) {
	r.repairing.Lock()
	defer r.repairing.Unlock()
	var sum Report
	var done int64
	tried, failing := make(map[content.BlobID]bool), 0
	for {
		rows, err := r.untried(ctx, tried, batch/10+failing)
		if err != nil {
			return sum, fmt.Errorf("repair: %w", err)
		}
		if len(rows) == 0 {
			return sum, nil
		}
		rep, err := r.repairRows(ctx, rows)
		sum = sum.add(rep)
		if err != nil {
			return sum, err
		}
		if done += int64(len(rows)); progress != nil {
			progress(done)
		}
		if rep.Failed > 0 {
			// Which of them failed the rows tell: they are still there.
			if failing, err = r.stillQueued(ctx, rows, tried, failing); err != nil {
				return sum, fmt.Errorf("repair: %w", err)
			}
		}
		if failing > maxFailing {
			return sum, errors.New("repair: too many shards cannot be repaired now; the log says why")
		}
	}
}

// untried reads rows of blobs that were not tried.
func (r *Runner) untried(ctx context.Context, tried map[content.BlobID]bool, limit int) (rows []core.RepairRow, err error) {
	err = r.view(ctx, func(ctx context.Context, tx core.MetaTx) error {
		all, err := tx.Repairs(ctx, core.RepairQuery{Due: math.MaxInt64, Limit: limit})
		rows = nil
		for _, row := range all {
			if !tried[row.Blob] {
				rows = append(rows, row)
			}
		}
		return err
	})
	return rows, err
}

// stillQueued notes the blobs of rows that are queued after they were worked on, and adds to failing how many rows these
// have.
func (r *Runner) stillQueued(ctx context.Context, rows []core.RepairRow, tried map[content.BlobID]bool, failing int) (int, error) {
	for _, row := range rows {
		if tried[row.Blob] {
			continue
		}
		var left []core.RepairRow
		err := r.view(ctx, func(ctx context.Context, tx core.MetaTx) (err error) {
			left, err = tx.Repairs(ctx, core.RepairQuery{Due: math.MaxInt64, Blob: row.Blob, Limit: maxFailing})
			return err
		})
		if err != nil {
			return failing, err
		}
		if len(left) > 0 {
			tried[row.Blob] = true
			failing += len(left)
		}
	}
	return failing, nil
}
