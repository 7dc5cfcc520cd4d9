package server

import (
	"bufio"
	"context"
	"io"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// logFlush is how long a line of the request log may wait in memory.
const logFlush = time.Second

// LogBuffer collects log lines and writes them together: with Run once a second, at once for warnings and
// errors, and when Run ends. It is a zerolog.LevelWriter, safe for concurrent use.
type LogBuffer struct {
	mu  sync.Mutex
	dst io.Writer
	w   *bufio.Writer
}

// NewLogBuffer makes a buffer before w.
func NewLogBuffer(w io.Writer) *LogBuffer {
	return &LogBuffer{dst: w, w: bufio.NewWriterSize(w, 64<<10)}
}

// Write buffers one line.
func (b *LogBuffer) Write(p []byte) (int, error) {
	return b.WriteLevel(zerolog.NoLevel, p)
}

// WriteLevel buffers one line, and writes it at once from level warn on.
func (b *LogBuffer) WriteLevel(level zerolog.Level, p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, err := b.w.Write(p)
	if err == nil && level >= zerolog.WarnLevel && level < zerolog.NoLevel {
		err = b.w.Flush()
	}
	return n, b.kept(err)
}

// Flush writes what is buffered.
func (b *LogBuffer) Flush() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.kept(b.w.Flush())
}

// kept returns err and makes the writer usable again: a bufio.Writer that failed once would drop every line
// after a disk was full for a moment.
func (b *LogBuffer) kept(err error) error {
	if err != nil {
		b.w.Reset(b.dst)
	}
	return err
}

// Run flushes every second until ctx is done, and once more then. A log that cannot be written has nowhere to
// say so: its errors are dropped.
func (b *LogBuffer) Run(ctx context.Context) {
	t := time.NewTicker(logFlush)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			_ = b.Flush()
			return
		case <-t.C:
			_ = b.Flush()
		}
	}
}
