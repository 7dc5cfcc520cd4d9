package e2e

import (
	"io"
	"os"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// openTerminal returns a terminal for a program to write to. What it writes goes to out until the test ends, with the
// line ends of terminals (CR LF).
func openTerminal(t *testing.T, out io.Writer) *os.File {
	t.Helper()
	_, program := newTerminal(t, out)
	return program
}

// newTerminal returns both sides of a terminal: where a person types, and what a program has.
func newTerminal(t *testing.T, out io.Writer) (person, program *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("there are no terminals here: %v", err)
	}
	fd := int(screen.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		_ = screen.Close()
		t.Skipf("there are no terminals here: %v", err)
	}
	program, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		_ = screen.Close()
		t.Skipf("there are no terminals here: %v", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(out, screen) // ends by EIO when nobody has the other side open
	}()
	t.Cleanup(func() {
		_ = program.Close()
		<-done
		_ = screen.Close()
	})
	return screen, program
}
