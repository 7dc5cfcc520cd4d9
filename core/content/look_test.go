package content

import (
	"slices"
	"testing"
)

// TestLook tells a shard that is gone from one that is damaged, and both from one of which nobody knows.
func TestLook(t *testing.T) {
	l := newLab(t, 5)
	p := Policy{Redundancy: ErasureCoded, K: 2, N: 5, ChunkSize: 128 << 10, Strict: true}
	b := l.put(random(300_000), l.target(p, 0), true).Blobs[0]
	raw := l.shard(b, b.Layout.Place(0, 1))
	flipped := slices.Clone(raw)
	flipped[len(flipped)/2] ^= 1
	l.setShard(b, b.Layout.Place(0, 0), nil)
	l.setShard(b, b.Layout.Place(0, 1), raw[:len(raw)-1])
	l.setShard(b, b.Layout.Place(0, 2), flipped)
	sp, _ := l.cfg.Spaces.Get(b.Layout.Base[3])
	sp.State = Down
	l.cfg.Spaces.Set(sp)
	refs := []ShardRef{{0, 4}, {0, 3}, {0, 2}, {0, 1}, {0, 0}, {0, 5}, {99, 0}, {-1, 0}}
	for deep, want := range map[bool][]ShardState{
		false: {Missing, Damaged, Intact, Unknown, Intact},
		true:  {Missing, Damaged, Damaged, Unknown, Intact},
	} {
		looks, err := l.Look(t.Context(), b, refs, deep)
		if err != nil {
			t.Fatal(err)
		}
		var got []ShardState
		for i, look := range looks {
			if look.ShardRef != (ShardRef{0, i}) || (look.Err != nil) != (look.State == Unknown) {
				t.Errorf("deep %v: look %d = %+v", deep, i, look)
			}
			got = append(got, look.State)
		}
		if !slices.Equal(got, want) {
			t.Errorf("Look, deep %v, = %v, want %v", deep, got, want)
		}
	}
}

func TestSuffices(t *testing.T) {
	for _, tt := range []struct {
		name   string
		policy Policy
		lost   []ShardRef
		want   bool
	}{
		{"none", Policy{}, nil, true},
		{"the only copy", Policy{}, []ShardRef{{0, 0}}, false},
		{"one of two copies", Policy{Redundancy: Copies, N: 2}, []ShardRef{{0, 1}}, true},
		{"both copies", Policy{Redundancy: Copies, N: 2}, []ShardRef{{0, 1}, {0, 0}}, false},
		{"one of ec(2,3)", Policy{Redundancy: ErasureCoded, K: 2, N: 3, ChunkSize: 64 << 10}, []ShardRef{{0, 1}, {1, 0}, {2, 2}}, true},
		{"two of ec(2,3)", Policy{Redundancy: ErasureCoded, K: 2, N: 3, ChunkSize: 64 << 10}, []ShardRef{{0, 1}, {1, 0}, {1, 2}}, false},
	} {
		l := newLab(t, 4)
		b := l.put(random(500_000), l.target(tt.policy, 0), true).Blobs[0]
		if got, err := l.Suffices(b, tt.lost); err != nil || got != tt.want {
			t.Errorf("%s: Suffices = %v, %v, want %v", tt.name, got, err, tt.want)
		}
	}
}
