package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	v1 "trivium/nativeapi/v1"
)

func TestRedundancyText(t *testing.T) {
	for _, text := range []string{"none", "rep(3)", "ec(4,6)", "lrc(4,7,2,2)"} {
		r, err := parseRedundancy(text)
		if got := redundancyText(&r); err != nil || got != text {
			t.Errorf("%s is told as %s, %v", text, got, err)
		}
	}
}

func TestObjectStatus(t *testing.T) {
	checked := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	st := v1.RedundancyStatus{
		Redundancy: v1.Redundancy{Type: "rep", RepCount: 3}, Policy: v1.Redundancy{Type: "ec", K: 2, N: 3}, State: "degraded",
		Blocks: []v1.Block{
			{Index: 0, UserSpaceID: 2, Size: 7, State: "ok", CheckTime: &checked},
			{Index: 1, UserSpaceID: 9, Size: 7, State: "corrupt"},
			{Index: 2, State: "missing", Size: 7},
		},
	}
	if got, want := statusLine(&st), "degraded: kept as rep(3), the policy of the bucket is ec(2,3)"; got != want {
		t.Errorf("line %q, want %q", got, want)
	}
	want := [][]string{
		{"PIECE", "SPACE", "SIZE", "STATE", "CHECKED"},
		{"0", "cloud", "7", "ok", "2026-01-02 03:04:05"},
		{"1", "9", "7", "corrupt", "not now"},
		{"2", "(nowhere)", "7", "missing", "not now"},
	}
	if diff := cmp.Diff(want, blockRows(&st, map[int64]string{2: "cloud"})); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	whole := v1.RedundancyStatus{Redundancy: v1.Redundancy{Type: "none"}, Policy: v1.Redundancy{Type: "none"}, State: "healthy"}
	if got, want := statusLine(&whole), "healthy: kept as none; it lies in the metadata"; got != want {
		t.Errorf("line %q, want %q", got, want)
	}
}
