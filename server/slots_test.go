package server

import (
	"errors"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
)

// A connection that falls idle is closed for an Accept that waits, and for none that has found its slot otherwise.
func TestIdleConnectionStaysOnceTheSlotIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pipes := newPipes()
		l := newListener(pipes, 2, newWatcher())
		conns := make(chan net.Conn)
		go func() {
			defer close(conns)
			for {
				c, err := l.Accept()
				if err != nil {
					if !errors.Is(err, net.ErrClosed) {
						t.Errorf("Accept = %v, want %v", err, net.ErrClosed)
					}
					return
				}
				conns <- c
			}
		}()
		accept := func() net.Conn {
			c := pipes.dial(t)
			t.Cleanup(func() { _ = c.Close() })
			return <-conns
		}
		open := func(want int) {
			t.Helper()
			synctest.Wait()
			if n := len(l.slots); n != want {
				t.Errorf("%d slots are taken, want %d", n, want)
			}
		}
		one, two := accept(), accept()
		l.idle.state(two, http.StateIdle)
		open(2)
		if len(l.idle.at) != 1 {
			t.Error("a connection that is idle is closed while nobody waits")
		}
		three := accept() // in place of the idle one
		open(2)
		waiting := pipes.dial(t) // nobody is idle
		t.Cleanup(func() { _ = waiting.Close() })
		open(2)
		_ = one.Close()
		four := <-conns
		l.idle.state(four, http.StateIdle)
		open(2)
		if len(l.idle.at) != 1 {
			t.Error("a connection that fell idle is closed for an Accept that has found its slot")
		}
		l.idle.serves(four)
		again := pipes.dial(t)
		t.Cleanup(func() { _ = again.Close() })
		open(2)
		l.idle.state(three, http.StateIdle)
		<-conns
		open(2)
		if len(l.idle.at) > 0 {
			t.Error("a connection that fell idle is kept while an Accept waits")
		}
		_ = l.Close()
		<-conns
	})
}
