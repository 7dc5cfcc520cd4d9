package server

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

const (
	// logFlush is how long a line of the request log may wait in memory.
	logFlush = time.Second
	// maxLogged bounds the lines that wait, in bytes: a reader who sleeps must not take the memory, or stop requests.
	maxLogged = 1 << 20
)

// LogBuffer collects log lines, which Run writes together: once a second, at once when a warning or an error is
// among them, and when it ends. Who logs never waits for the writer: lines that it does not take are dropped, and
// a line says how many. It is a zerolog.LevelWriter, safe for concurrent use.
type LogBuffer struct {
	dst     io.Writer
	wake    chan struct{} // a line that does not wait is there
	mu      sync.Mutex
	lines   []byte
	spare   []byte // the memory of lines that were written
	dropped int
}

// NewLogBuffer makes a buffer before w. Nothing is written before Run.
func NewLogBuffer(w io.Writer) *LogBuffer {
	return &LogBuffer{dst: w, wake: make(chan struct{}, 1)}
}

// Write buffers one line.
func (b *LogBuffer) Write(p []byte) (int, error) {
	return b.WriteLevel(zerolog.NoLevel, p)
}

// WriteLevel buffers one line; from level warn on it is written at once.
func (b *LogBuffer) WriteLevel(level zerolog.Level, p []byte) (int, error) {
	b.mu.Lock()
	if len(b.lines)+len(p) > maxLogged {
		b.dropped++
	} else {
		b.lines = append(b.lines, p...)
	}
	b.mu.Unlock()
	if level >= zerolog.WarnLevel && level < zerolog.NoLevel {
		select {
		case b.wake <- struct{}{}:
		default:
		}
	}
	return len(p), nil
}

// Run writes until ctx is done, and once more then. A log that cannot be written has nowhere to say so: its errors
// are dropped, and the lines with them.
func (b *LogBuffer) Run(ctx context.Context) {
	t := time.NewTicker(logFlush)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			b.flush()
			return
		case <-b.wake:
		case <-t.C:
		}
		b.flush()
	}
}

// flush writes what is buffered. Only Run calls it.
func (b *LogBuffer) flush() {
	b.mu.Lock()
	lines, dropped := b.lines, b.dropped
	b.lines, b.spare, b.dropped = b.spare[:0], nil, 0
	b.mu.Unlock()
	if dropped > 0 {
		lines = fmt.Appendf(lines, `{"level":"warn","lines":%d,"message":"log lines were dropped: nobody took them"}`+"\n", dropped)
	}
	if len(lines) > 0 {
		_, _ = b.dst.Write(lines)
	}
	b.mu.Lock()
	b.spare = lines
	b.mu.Unlock()
}
