package upkeep

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// TestPace: a scrub takes the time that its bounds ask for, saves none up, and rests a while for others.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		crowded := false
		p := &pace{shards: 10, bytes: 1000, deep: true, crowded: func() bool { return crowded }}
		took := func(shards, bytes int64) time.Duration {
			began := time.Now()
			if err := p.spent(t.Context(), shards, bytes); err != nil {
				t.Fatal(err)
			}
			return time.Since(began)
		}
		for _, tt := range []struct {
			shards, bytes int64
			want          time.Duration
		}{{5, 0, 500 * time.Millisecond}, {1, 3000, 3 * time.Second}, {0, 0, 0}} {
			if got := took(tt.shards, tt.bytes); got != tt.want {
				t.Errorf("%d shards of %d bytes took %v, want %v", tt.shards, tt.bytes, got, tt.want)
			}
		}
		time.Sleep(time.Hour)
		if got := took(10, 0); got != time.Second {
			t.Errorf("after an hour without work 10 shards took %v, want 1s", got)
		}
		crowded = true
		if got := took(0, 0); got != crowdRest*crowdRests {
			t.Errorf("a rest for others took %v, want %v", got, crowdRest*crowdRests)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := p.spent(ctx, 1000, 0); err == nil {
			t.Error("nobody waits, and it goes on")
		}
	})
}
