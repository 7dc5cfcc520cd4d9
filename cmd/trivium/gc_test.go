package main

import (
	"strings"
	"testing"

	"trivium/nativeapi/adminapi"
)

func TestCollected(t *testing.T) {
	for _, tt := range []struct {
		name string
		rep  adminapi.Collected
		now  bool
		want []string // the lines begin so
	}{
		{"nothing", adminapi.Collected{}, false, []string{"deleted 0 blobs and 0 orphaned shards (0 files)"}},
		{"all", adminapi.Collected{Blobs: 1, Orphans: 1, Files: 7}, true, []string{"deleted 1 blob and 1 orphaned shard (7 files)"}},
		{
			"all of it waits",
			adminapi.Collected{Waiting: 3, Sighted: 1},
			false,
			[]string{"deleted 0 ", "3 blobs left: content stays for an hour", "1 orphaned shard left: found for the first time"},
		},
		{"readers", adminapi.Collected{Waiting: 1}, true, []string{"deleted 0 ", "1 blob left: being read"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := collected(tt.rep, tt.now)
			if len(got) != len(tt.want) {
				t.Fatalf("collected = %q, want %d lines", got, len(tt.want))
			}
			for i, want := range tt.want {
				if !strings.HasPrefix(got[i], want) {
					t.Errorf("line %d = %q, want %q", i, got[i], want)
				}
			}
		})
	}
}

func TestUnfinished(t *testing.T) {
	if err := unfinished(adminapi.Collected{Blobs: 1}); err != nil {
		t.Errorf("unfinished of a whole round = %v, want nil", err)
	}
	if err := unfinished(adminapi.Collected{Failed: 2}); err == nil || !strings.HasPrefix(err.Error(), "2 steps failed: ") {
		t.Errorf("unfinished of two failed steps = %v, want an error that counts them", err)
	}
}
