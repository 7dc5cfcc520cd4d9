package nativeapi

import (
	"net/http"

	"trivium/core"
	v1 "trivium/nativeapi/v1"
)

// redundancyStatus is GET redundancy/status.
func redundancyStatus(w http.ResponseWriter, r *request) error {
	id, err := r.number("objectID")
	if err != nil {
		return err
	}
	kept, err := r.se.MemberRedundancy(r.Context(), id)
	if err != nil {
		return err
	}
	doc := v1.RedundancyStatus{
		Redundancy: redundancyDoc(&kept.Present), Policy: redundancyDoc(&kept.Wanted), State: redundancyState(kept.State),
		Blocks: make([]v1.Block, len(kept.Pieces)),
	}
	for i := range kept.Pieces {
		doc.Blocks[i] = blockDoc(&kept.Pieces[i])
	}
	return r.reply(w, doc)
}

// blockDoc shows a piece.
func blockDoc(p *core.Piece) v1.Block {
	doc := v1.Block{Index: p.Index, UserSpaceID: int64(p.Space), Size: v1.Size(p.Size), State: v1.BlockOK}
	switch {
	case p.Missing > 0:
		doc.State = v1.BlockMissing
	case p.Corrupt > 0:
		doc.State = v1.BlockCorrupt
	}
	if !p.Checked.IsZero() {
		doc.CheckTime = &p.Checked
	}
	return doc
}

// redundancyState is the word for a state.
func redundancyState(s core.RedundancyState) string {
	switch s {
	case core.RedundancyHealthy:
		return v1.RedundancyHealthy
	case core.RedundancyPending:
		return v1.RedundancyPending
	case core.RedundancyDegraded:
		return v1.RedundancyDegraded
	case core.RedundancyLost:
	}
	return v1.RedundancyLost
}
