package main

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestOverloadsAreCounted: of many refusals there is a line at once and then one every 10 s, which counts them.
func TestOverloadsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := slog.New(slog.NewTextHandler(&out, nil))
		var o overloads
		for range 3 {
			for range 1000 {
				o.note(t.Context(), log, "PutObject", errors.New("too many"))
			}
			time.Sleep(overloadPace)
		}
		for _, want := range []string{"refused=1 ", "refused=1000 "} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%q is not in the log: %s", want, out.String())
			}
		}
		if n := strings.Count(out.String(), "\n"); n != 3 {
			t.Errorf("%d lines, want 3:\n%s", n, out.String())
		}
	})
}
