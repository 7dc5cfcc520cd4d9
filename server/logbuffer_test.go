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
		synctest.Wait()
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
	synctest.Test(t, func(t *testing.T) {
		f := &flaky{}
		b := NewLogBuffer(f)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { b.Run(ctx); close(done) }()
		for _, line := range []string{"lost\n", "kept\n"} {
			if n, err := b.WriteLevel(zerolog.ErrorLevel, []byte(line)); n != 5 || err != nil {
				t.Errorf("WriteLevel = %d, %v, want 5", n, err)
			}
			synctest.Wait()
		}
		if got := f.String(); got != "kept\n" {
			t.Errorf("after a full disk: %q, want the next line", got)
		}
		stop()
		<-done
	})
}

// sleeper takes nothing until it is woken.
type sleeper struct {
	logs
	awake chan struct{}
}

func (s *sleeper) Write(p []byte) (int, error) {
	<-s.awake
	return s.logs.Write(p)
}

// TestLogBufferWithoutAReader logs more than is kept while nobody reads: no line waits, and those that were dropped
// are counted.
func TestLogBufferWithoutAReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sleeper{awake: make(chan struct{})}
		b := NewLogBuffer(s)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { b.Run(ctx); close(done) }()
		line := []byte(strings.Repeat("x", 1023) + "\n")
		start := time.Now()
		_, _ = b.WriteLevel(zerolog.ErrorLevel, line)
		synctest.Wait() // the writer sleeps over this line
		const more = 7
		for range maxLogged/len(line) + more {
			_, _ = b.WriteLevel(zerolog.ErrorLevel, line)
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("logging took %v while nobody reads", took)
		}
		close(s.awake)
		stop()
		<-done
		if n := strings.Count(s.String(), "xxx\n"); n != 1+maxLogged/len(line) {
			t.Errorf("%d lines were kept, want %d", n, 1+maxLogged/len(line))
		}
		if want := `"lines":7,"message":"log lines were dropped`; !strings.Contains(s.String(), want) {
			t.Errorf("no line says that %d were dropped", more)
		}
	})
}
