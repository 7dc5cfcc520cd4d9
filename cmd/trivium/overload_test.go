package main

import (
	"bytes"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestOverloadsAreCounted: of many refusals there is a line at once and then one every 10 s, which counts them; none is
// left out when they end, or the server does.
func TestOverloadsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		o := overloads{log: slog.New(slog.NewTextHandler(&out, nil))}
		refuse := func(n int) {
			for range n {
				o.note(t.Context(), "PutObject", errors.New("too many"))
			}
		}
		for range 3 {
			refuse(1000)
			time.Sleep(overloadPace + 1)
		}
		time.Sleep(overloadPace + 1)
		refuse(6)
		o.close(t.Context())
		o.close(t.Context())
		var told []string
		for field := range strings.FieldsSeq(out.String()) {
			if n, ok := strings.CutPrefix(field, "refused="); ok {
				told = append(told, n)
			}
		}
		if want := []string{"1", "999", "1000", "1000", "1", "5"}; !slices.Equal(told, want) {
			t.Errorf("the lines tell of %v, want %v", told, want)
		}
	})
}
