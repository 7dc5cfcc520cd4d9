package main

import (
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/cwriter"
	"github.com/vbauerster/mpb/v8/decor"
)

// progressPause is how often a line tells how far a transfer is, where nobody looks at a bar.
const progressPause = 10 * time.Second

// progress tells how far a transfer is: as a bar on a terminal, else in a line every 10 s.
type progress struct {
	name string
	size int64 // -1: not known
	done atomic.Int64

	bars *mpb.Progress
	bar  *mpb.Bar
	stop chan struct{} // of the lines
	over chan struct{}
}

// newProgress begins; the caller calls end.
func newProgress(w io.Writer, name string, size int64) *progress {
	p := &progress{name: name, size: size}
	if hasRoom(w) {
		p.bars = mpb.New(mpb.WithOutput(w), mpb.WithWidth(40))
		p.bar = p.bars.AddBar(max(size, 0),
			mpb.PrependDecorators(decor.Name(name, decor.WCSyncSpaceR), decor.CountersKibiByte("% .1f / % .1f")),
			mpb.AppendDecorators(decor.AverageSpeed(decor.SizeB1024(0), "% .1f")),
		)
		return p
	}
	p.stop, p.over = make(chan struct{}), make(chan struct{})
	go p.lines(w)
	return p
}

// hasRoom tells whether w is a terminal that a bar can be drawn on: one that does not know its size, as a serial line or
// one of script without a terminal, shows nothing of a bar.
func hasRoom(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || !isTerminal(w) {
		return false
	}
	width, _, err := cwriter.GetSize(int(f.Fd()))
	return err == nil && width > 0
}

// lines writes a line now and then until end.
func (p *progress) lines(w io.Writer) {
	defer close(p.over)
	t := time.NewTicker(progressPause)
	defer t.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-t.C:
			_, _ = fmt.Fprintln(w, p.line())
		}
	}
}

// line says how far it is.
func (p *progress) line() string {
	n := p.done.Load()
	if p.size <= 0 {
		return fmt.Sprintf("%s: %d bytes", p.name, n)
	}
	return fmt.Sprintf("%s: %d of %d bytes, %d %%", p.name, n, p.size, n*100/p.size)
}

// reader counts what is read of r.
func (p *progress) reader(r io.Reader) io.Reader { return &countedReader{r, p} }

// countedReader tells a progress what is read.
type countedReader struct {
	io.Reader
	p *progress
}

// Read implements io.Reader.
func (r *countedReader) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	r.p.done.Add(int64(n))
	if r.p.bar != nil {
		r.p.bar.IncrBy(n)
	}
	return n, err
}

// end ends it; whole tells whether the transfer did.
func (p *progress) end(whole bool) {
	if p.bars == nil {
		close(p.stop)
		<-p.over
		return
	}
	if whole {
		p.bar.SetTotal(-1, true)
	} else {
		p.bar.Abort(false)
	}
	p.bars.Wait()
}
