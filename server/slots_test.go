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
		open(2) // a third Accept waits for one of them
		_ = one.Close()
		open(2) // it has the slot, and waits for a client
		l.idle.state(two, http.StateIdle)
		open(2)
		l.idle.state(two, http.StateActive)

		three := accept()
		open(2) // again one waits
		l.idle.state(two, http.StateIdle)
		open(2)
		if len(l.idle.at) > 0 {
			t.Error("a connection that fell idle is kept while an Accept waits")
		}
		_ = three.Close()
		_ = l.Close()
		<-conns
	})
}
