package main

import (
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestAwaitTwo: what a supervisor sends to a process and its group is one signal.
func TestAwaitTwo(t *testing.T) {
	for _, tt := range []struct {
		name string
		send []os.Signal
		at   []time.Duration // after the first
		want time.Duration   // when it ends
	}{
		{"a second later", []os.Signal{syscall.SIGTERM}, []time.Duration{time.Second}, time.Second},
		{"twice at once, then again", []os.Signal{syscall.SIGTERM, syscall.SIGTERM}, []time.Duration{0, 3 * time.Second}, 3 * time.Second},
		{
			"three times within a second",
			[]os.Signal{syscall.SIGTERM, syscall.SIGTERM, syscall.SIGTERM},
			[]time.Duration{0, 999 * time.Millisecond, time.Minute},
			time.Minute,
		},
		{"another signal", []os.Signal{os.Interrupt}, []time.Duration{time.Millisecond}, time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			signals := make(chan os.Signal, 2)
			stopped, ended := make(chan struct{}), make(chan time.Time, 1)
			begin := time.Now()
			signals <- syscall.SIGTERM
			go func() {
				awaitTwo(signals, func() { close(stopped) })
				ended <- time.Now()
			}()
			<-stopped
			for i, sig := range tt.send {
				time.Sleep(time.Until(begin.Add(tt.at[i]))) // of the bubble
				signals <- sig
			}
			if got := (<-ended).Sub(begin); got != tt.want {
				t.Errorf("%s: ended after %v, want %v", tt.name, got, tt.want)
			}
		})
	}
}
