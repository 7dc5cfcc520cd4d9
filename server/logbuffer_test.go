package server

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

func TestLogBuffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &logs{}
		b := NewLogBuffer(l)
		log := zerolog.New(b)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { b.Run(ctx); close(done) }()

		log.Info().Msg("one")
		if l.String() != "" {
			t.Errorf("an info line was written at once: %s", l)
		}
		time.Sleep(logFlush + time.Millisecond)
		if !strings.Contains(l.String(), "one") {
			t.Error("a line is not written after a second")
		}
		log.Info().Msg("two")
		log.Warn().Msg("three")
		if got := l.String(); !strings.Contains(got, "two") || !strings.Contains(got, "three") {
			t.Errorf("a warning waits: %s", got)
		}
		log.Info().Msg("four")
		stop()
		<-done
		if !strings.Contains(l.String(), "four") {
			t.Error("the last line is lost at the end")
		}
	})
}

// flaky fails once.
type flaky struct {
	logs
	failed bool
}

func (f *flaky) Write(p []byte) (int, error) {
	if !f.failed {
		f.failed = true
		return 0, errors.New("disk full")
	}
	return f.logs.Write(p)
}

func TestLogBufferOutlivesAnError(t *testing.T) {
	f := &flaky{}
	b := NewLogBuffer(f)
	if _, err := b.WriteLevel(zerolog.ErrorLevel, []byte("lost\n")); err == nil {
		t.Error("WriteLevel on a full disk = nil")
	}
	if _, err := b.WriteLevel(zerolog.ErrorLevel, []byte("kept\n")); err != nil || f.String() != "kept\n" {
		t.Errorf("after a full disk: %q, %v, want the next line", f.String(), err)
	}
}
