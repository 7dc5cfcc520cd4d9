package drivers

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Body is the body of one Put with its announced size enforced. The last bytes are handed out only once the
// source has ended right behind them, so a store that counts bytes never receives the whole of a wrong body.
// Not safe for concurrent use.
type Body struct {
	src  io.Reader
	left int64
	stop func() error
	err  error
}

// NewBody returns a Body that reads size bytes of src until ctx ends. Its Read returns ErrBody when src ends
// before or goes on after size and when src fails (with src's error wrapped too), ctx's error when ctx has
// ended, and io.EOF after exactly size bytes. Errors are sticky.
func NewBody(ctx context.Context, src io.Reader, size int64) *Body {
	return &Body{src: src, left: size, stop: ctx.Err}
}

// Read implements io.Reader with the errors of NewBody.
func (b *Body) Read(p []byte) (int, error) {
	if err := b.begin(); err != nil {
		return 0, err
	}
	if b.left == 0 {
		b.err = b.end()
		return 0, b.err
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := b.src.Read(p)
	b.left -= int64(n)
	switch {
	case errors.Is(err, io.EOF) && b.left > 0:
		b.err = b.short()
	case err != nil && !errors.Is(err, io.EOF):
		b.err = bodyFailed(err)
	case b.left == 0 && err == nil:
		// A source that goes on is found out before its last allowed bytes are handed out.
		if err := b.end(); !errors.Is(err, io.EOF) {
			b.err = err
			return 0, err
		}
		b.err = io.EOF
	case b.left == 0:
		b.err = io.EOF
	}
	if n > 0 {
		return n, nil
	}
	return 0, b.err
}

// CopyTo writes the whole body to w, without a copy where the source is memory (an io.WriterTo that has a Len, as
// bytes.Reader) and else through buf. It returns nil after exactly size bytes, an error of NewBody, or the error of w
// as it came. Unlike Read it may hand out the last bytes of a source that goes on, so it suits stores that make content
// visible only afterwards.
func (b *Body) CopyTo(w io.Writer, buf []byte) error {
	if err := b.begin(); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	wt, ok := b.src.(interface {
		io.WriterTo
		Len() int
	})
	if !ok {
		// The wrappers keep io.CopyBuffer from leaving buf aside.
		_, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{b}, buf)
		return err
	}
	lw := &bodyWriter{w: w, b: b}
	_, err := wt.WriteTo(lw)
	switch {
	case lw.err != nil:
		b.err = lw.err
	case err != nil:
		b.err = bodyFailed(err)
	case b.left > 0:
		b.err = b.short()
	default:
		b.err = io.EOF
		return nil
	}
	return b.err
}

func (b *Body) begin() error {
	if b.err != nil {
		return b.err
	}
	if b.left < 0 {
		b.err = fmt.Errorf("size %d: %w", b.left, ErrBody)
	} else if err := b.stop(); err != nil {
		b.err = err
	}
	return b.err
}

// end reads on where the body must end: io.EOF if it does.
func (b *Body) end() error {
	var one [1]byte
	for range 100 {
		n, err := b.src.Read(one[:])
		if n > 0 {
			return tooLong()
		}
		if errors.Is(err, io.EOF) {
			return io.EOF
		}
		if err != nil {
			return bodyFailed(err)
		}
	}
	return bodyFailed(io.ErrNoProgress)
}

func (b *Body) short() error {
	return fmt.Errorf("%w: it ends %d bytes early", ErrBody, b.left)
}

func tooLong() error {
	return fmt.Errorf("%w: it goes on", ErrBody)
}

func bodyFailed(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrBody, err)
}

// bodyWriter passes on what a source writes, up to the announced size, in pieces between which ctx is asked.
type bodyWriter struct {
	w   io.Writer
	b   *Body
	err error
}

const bodyPiece = 1 << 20

func (w *bodyWriter) Write(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		piece := p[done:min(len(p), done+bodyPiece)]
		if w.err = w.b.stop(); w.err == nil && int64(len(piece)) > w.b.left {
			w.err = tooLong()
		}
		if w.err != nil {
			return done, w.err
		}
		n, err := w.w.Write(piece)
		done += n
		w.b.left -= int64(n)
		if err != nil {
			w.err = err
			return done, err
		}
	}
	return done, nil
}
