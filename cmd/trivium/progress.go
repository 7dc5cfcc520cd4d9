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

// progress tells how far a work is: as a bar on a terminal, else in a line every 10 s.
type progress struct {
	name string
	unit string       // what it counts
	size atomic.Int64 // -1: not known
	done atomic.Int64

	bars *mpb.Progress
	bar  *mpb.Bar
	stop chan struct{} // of the lines
	over chan struct{}
}

// newProgress begins that of a transfer; the caller calls end.
func newProgress(w io.Writer, name string, size int64) *progress {
	return startProgress(w, &progress{name: name, unit: "bytes"}, size,
		mpb.PrependDecorators(decor.Name(name, decor.WCSyncSpaceR), decor.CountersKibiByte("% .1f / % .1f")),
		mpb.AppendDecorators(decor.AverageSpeed(decor.SizeB1024(0), "% .1f")))
}

// newCounter begins that of a work on things of a unit; the caller calls end.
func newCounter(w io.Writer, name, unit string) *progress {
	return startProgress(w, &progress{name: name, unit: unit}, -1,
		mpb.PrependDecorators(decor.Name(name, decor.WCSyncSpaceR), decor.CountersNoUnit("%d / %d "+unit)),
		mpb.AppendDecorators(decor.Percentage()))
}

// startProgress draws a bar with what options say, or begins the lines.
func startProgress(w io.Writer, p *progress, size int64, options ...mpb.BarOption) *progress {
	p.size.Store(size)
	if hasRoom(w) {
		p.bars = mpb.New(mpb.WithOutput(w), mpb.WithWidth(40))
		p.bar = p.bars.AddBar(max(size, 0), options...)
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
	n, size := p.done.Load(), p.size.Load()
	if size <= 0 {
		return fmt.Sprintf("%s: %d %s", p.name, n, p.unit)
	}
	return fmt.Sprintf("%s: %d of %d %s, %d %%", p.name, n, size, p.unit, n*100/size)
}

// set says how far the work is.
func (p *progress) set(done, total int64) {
	total = max(total, done) // what came to be meanwhile
	p.done.Store(done)
	p.size.Store(total)
	if p.bar != nil {
		p.bar.SetTotal(total, false)
		p.bar.SetCurrent(done)
	}
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
