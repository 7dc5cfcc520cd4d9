package nativeapi

import (
	"errors"
	"io"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"trivium/core"
)

// dripping is a body of which a byte comes every so often.
type dripping struct {
	every time.Duration
	n     int // bytes at a time
}

func (d dripping) Read(p []byte) (int, error) {
	time.Sleep(d.every)
	return min(d.n, len(p)), nil
}

// TestMemory: who waits gets memory within 5 s or is refused; a client who holds it is cut while others wait once he was
// slower than 16 KiB/s for a minute, however fast he was before, and not for the time that the server takes.
func TestMemory(t *testing.T) {
	for name, c := range map[string]struct {
		body   dripping
		server time.Duration // what the server takes between two reads
		cut    bool
	}{
		"fast":                  {dripping{time.Second, 17 << 10}, 0, false},
		"slow":                  {dripping{time.Second, 15 << 10}, 0, true},
		"a byte every 10 s":     {dripping{10 * time.Second, 1}, 0, true},
		"fast, and then silent": {dripping{2 * time.Minute, 1 << 20}, 0, true},
		"a slow server":         {dripping{time.Second, 17 << 10}, time.Minute, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMemory(10)
				holder := m.sender(httptest.NewRecorder(), c.body, time.Now)
				if err := holder.take(t.Context(), 10); err != nil {
					t.Fatal(err)
				}
				ended := make(chan error, 1)
				go func() {
					for start := time.Now(); time.Since(start) < 40*time.Minute; time.Sleep(c.server) {
						if _, err := holder.Read(make([]byte, 1<<20)); err != nil {
							holder.end()
							ended <- err
							return
						}
					}
					ended <- nil
				}()
				refused := 0
				for range 400 {
					other := m.sender(httptest.NewRecorder(), nil, time.Now)
					if start := time.Now(); other.take(t.Context(), 1) != nil {
						if refused++; time.Since(start) != memoryWait {
							t.Fatalf("refused after %v, want %v", time.Since(start), memoryWait)
						}
					}
					other.end()
					time.Sleep(time.Second)
				}
				err := <-ended
				if e, ok := errors.AsType[*core.Error](err); (ok && e.Code == core.Overloaded) != c.cut || refused == 0 || (refused == 400) == c.cut {
					t.Errorf("the holder ends with %v, others were refused %d times of 400", err, refused)
				}
				if !c.cut {
					holder.end()
				}
				if !m.TryAcquire(10) {
					t.Error("some of the memory is gone")
				}
			})
		})
	}
}

// TestMemoryAfterTheEnd: a request that ended holds nothing, and is not cut.
func TestMemoryAfterTheEnd(t *testing.T) {
	m := newMemory(10)
	now := time.Unix(0, 0)
	s := m.sender(httptest.NewRecorder(), io.MultiReader(), func() time.Time { return now })
	s.cutBody = func() { t.Error("a request that ended is cut") }
	if err := s.take(t.Context(), 10); err != nil {
		t.Fatal(err)
	}
	if err := s.turn(true, 0); err != nil {
		t.Fatal(err)
	}
	s.end()
	now = now.Add(time.Hour)
	m.relieve()
	if s.slow() || !m.TryAcquire(10) {
		t.Errorf("slow %t, or memory is held", s.slow())
	}
}
