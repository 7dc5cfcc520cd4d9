package main

import (
	"bytes"
	"strings"
	"testing"

	"trivium/core"
	"trivium/nativeapi/adminapi"
)

func TestScrubLines(t *testing.T) {
	for _, tt := range []struct {
		name    string
		found   adminapi.Scrubbed
		want    []string // the lines begin so
		verdict string
	}{
		{"nothing", adminapi.Scrubbed{Blobs: 1, Shards: 3, Bytes: 2 << 20}, []string{"looked at 3 shards of 1 blob, 2 MiB: 0 missing, 0 damaged"}, ""},
		{
			"damage",
			adminapi.Scrubbed{Blobs: 2, Shards: 6, Missing: 1, Corrupt: 2, Queued: 3, Lost: 1, Found: []string{"blob x"}},
			[]string{"looked at 6 shards of 2 blobs, 0 MiB: 1 missing, 2 damaged", "  - blob x", "3 shards queued for repair: ", "1 blob cannot be read any more: "},
			"3 shards missing or damaged",
		},
		{
			"nobody knows",
			adminapi.Scrubbed{Blobs: 1, Shards: 2, Unsure: 1},
			[]string{"looked at ", "1 shard could not be looked at: "},
			"a space did not answer for 1 shard",
		},
	} {
		got := scrubLines(&tt.found)
		if len(got) != len(tt.want) {
			t.Fatalf("%s: %q, want %d lines", tt.name, got, len(tt.want))
		}
		for i, want := range tt.want {
			if !strings.HasPrefix(got[i], want) {
				t.Errorf("%s: line %d = %q, want %q", tt.name, i, got[i], want)
			}
		}
		verdict := ""
		if err := scrubVerdict(&tt.found); err != nil {
			verdict = err.Error()
		}
		if verdict != tt.verdict {
			t.Errorf("%s: verdict %q, want %q", tt.name, verdict, tt.verdict)
		}
	}
}

func TestRepairLines(t *testing.T) {
	done := adminapi.Repaired{Shards: 1, Failed: 2, Queued: 3}
	if got := strings.Join(repairLines(&done), "; "); got != "rebuilt 1 shard; 3 shards left" {
		t.Errorf("lines %q", got)
	}
	if err := unrepaired(&done); err == nil || !strings.HasPrefix(err.Error(), "2 blobs could not be repaired") {
		t.Errorf("unrepaired = %v", err)
	}
	if err := unrepaired(&adminapi.Repaired{Shards: 1}); err != nil {
		t.Errorf("unrepaired of all = %v", err)
	}
}

// TestAskedWork lets one in at a time and says how far that is.
func TestAskedWork(t *testing.T) {
	var w askedWork
	if err := w.begin("scrub", 7); err != nil {
		t.Fatal(err)
	}
	w.did(3)
	if got := w.progress(); got != (adminapi.Progress{Work: "scrub", Done: 3, Total: 7}) {
		t.Errorf("progress %+v", got)
	}
	if err := w.begin("repair", 1); core.CodeOf(err) != core.Conflict || !strings.Contains(err.Error(), "a scrub is under way; it has done 3 of about 7 shards") {
		t.Errorf("another one = %v", err)
	}
	w.end()
	if err := w.begin("repair", 1); err != nil || w.progress().Work != "repair" {
		t.Errorf("after its end: %v, %+v", err, w.progress())
	}
}

// TestCounter counts what it is told, and more than was thought.
func TestCounter(t *testing.T) {
	var out bytes.Buffer
	p := newCounter(&out, "scrub", "shards")
	lines := []string{p.line()}
	for _, done := range []int64{2, 9} {
		p.set(done, 8)
		lines = append(lines, p.line())
	}
	p.end(true)
	if got := strings.Join(lines, "; "); got != "scrub: 0 shards; scrub: 2 of 8 shards, 25 %; scrub: 9 of 9 shards, 100 %" || out.Len() > 0 {
		t.Errorf("lines %q and %q", got, out.String())
	}
}
