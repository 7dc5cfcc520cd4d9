package nativeapi

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"trivium/core"
)

const (
	// uploadMemory is Config.UploadMemory where that says nothing.
	uploadMemory = 64 << 20
	// leastRate is what a client who holds memory must send, in bytes per second, while others wait for it; he may be
	// behind by slowTime.
	leastRate = 16 << 10
	slowTime  = 60 * time.Second
	// memoryWait is how long one waits for memory, memoryTick how often he looks meanwhile for clients who are too slow.
	memoryWait = 5 * time.Second
	memoryTick = 500 * time.Millisecond
)

// memory is what requests share while their bodies come. Who is too slow is cut while others wait.
type memory struct {
	*semaphore.Weighted
	mu      sync.Mutex
	senders map[*sender]struct{}
}

func newMemory(size int64) *memory {
	return &memory{Weighted: semaphore.NewWeighted(size), senders: map[*sender]struct{}{}}
}

// sender is the body of a request that holds memory: it measures how fast the client sends. What the server does between
// two Reads is not the client's time.
type sender struct {
	io.Reader
	from    *memory
	now     func() time.Time
	cutBody func() // ends the Read that waits

	mu      sync.Mutex
	reading bool
	since   time.Time     // of the Read
	spent   time.Duration // by the client
	due     time.Duration // when he must have sent more
	held    int64         // bytes of memory
	cut     bool
	ended   bool
}

// sender begins to measure a body, of which nothing is held yet.
func (m *memory) sender(w http.ResponseWriter, body io.Reader, now func() time.Time) *sender {
	cut := func() { _ = http.NewResponseController(w).SetReadDeadline(time.Unix(1, 0)) }
	s := &sender{Reader: body, from: m, now: now, cutBody: cut, due: slowTime}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.senders[s] = struct{}{}
	return s
}

// end gives back what is held.
func (s *sender) end() {
	s.from.mu.Lock()
	delete(s.from.senders, s)
	s.from.mu.Unlock()
	s.mu.Lock()
	s.ended = true
	held := s.held
	s.held = 0
	s.mu.Unlock()
	s.from.Release(held)
}

// Read implements io.Reader.
func (s *sender) Read(p []byte) (int, error) {
	if err := s.turn(true, 0); err != nil {
		return 0, err
	}
	n, err := s.Reader.Read(p)
	if cut := s.turn(false, n); cut != nil {
		return n, cut
	}
	return n, err
}

// turn counts n bytes that came and says whether it is the client's turn from now on.
func (s *sender) turn(reading bool, n int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if s.reading {
		s.spent += now.Sub(s.since)
		s.due = min(s.due+time.Duration(n)*time.Second/leastRate, s.spent+slowTime)
	}
	s.reading, s.since = reading, now
	if s.cut {
		return &core.Error{Code: core.Overloaded, Msg: "the body came slower than 16 KiB/s while others waited"}
	}
	return nil
}

// slow tells whether the client is behind, and what he holds. The caller has the lock.
func (s *sender) slow() bool {
	return s.reading && !s.cut && !s.ended && s.held > 0 && s.spent+s.now().Sub(s.since) > s.due
}

// take reserves n bytes more; 503 when there is no room for 5 s.
func (s *sender) take(ctx context.Context, n int64) error {
	if !s.from.TryAcquire(n) {
		if err := s.from.wait(ctx, n); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held += n
	return nil
}

// wait waits for n bytes, and has those cut meanwhile who hold some and are too slow.
func (m *memory) wait(ctx context.Context, n int64) error {
	ctx, cancel := context.WithTimeout(ctx, memoryWait)
	looked := make(chan struct{})
	go func() {
		defer close(looked)
		tick := time.NewTicker(memoryTick)
		defer tick.Stop()
		for {
			m.relieve()
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	err := m.Acquire(ctx, n)
	cancel()
	<-looked
	if err != nil {
		return &refusal{http.StatusServiceUnavailable, "Unavailable", "too many large requests at once; try again soon"}
	}
	return nil
}

// relieve cuts the client who holds most of those who are too slow.
func (m *memory) relieve() {
	var most *sender
	var held int64
	m.mu.Lock()
	for s := range m.senders {
		s.mu.Lock()
		if s.slow() && s.held > held {
			most, held = s, s.held
		}
		s.mu.Unlock()
	}
	m.mu.Unlock()
	if most == nil {
		return
	}
	most.mu.Lock()
	defer most.mu.Unlock()
	if most.slow() { // unless it has come to life, or ended
		most.cut = true
		most.cutBody()
	}
}
