package main

import (
	"os"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// TestProgressOnTerminals draws a bar where the terminal has a size, and writes lines where it has none: there a bar is
// drawn into nothing.
func TestProgressOnTerminals(t *testing.T) {
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("there are no terminals here: %v", err)
	}
	defer func() { _ = screen.Close() }()
	n, err := unix.IoctlGetInt(int(screen.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(screen.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Skipf("there are no terminals here: %v", err)
	}
	program, err := os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("there are no terminals here: %v", err)
	}
	defer func() { _ = program.Close() }()
	for _, width := range []uint16{0, 80} {
		if err := unix.IoctlSetWinsize(int(program.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: width, Col: width}); err != nil {
			t.Fatal(err)
		}
		p := newProgress(program, "x", 1)
		if bar := p.bars != nil; bar != (width > 0) {
			t.Errorf("a terminal of %d columns gets a bar: %v", width, bar)
		}
		p.end(false)
	}
}
