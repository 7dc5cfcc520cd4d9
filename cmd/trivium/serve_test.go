package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestCannotListen(t *testing.T) {
	for _, tt := range []struct {
		err  error // of the system
		want string
	}{
		{os.NewSyscallError("bind", syscall.EACCES), "choose a higher one in TRIVIUM_LISTEN"},
		{os.NewSyscallError("bind", syscall.EADDRNOTAVAIL), "choose one that it has in TRIVIUM_LISTEN"},
		{&net.DNSError{Name: "x", Err: "no such host"}, "give host:port in TRIVIUM_LISTEN"},
		{errors.New("cert.pem: no such file"), "cert.pem: no such file"},
	} {
		err := fmt.Errorf("listen on x:1: %w", &net.OpError{Op: "listen", Net: "tcp", Err: tt.err})
		got := cannotListen(err, "TRIVIUM_LISTEN")
		if !errors.Is(got, err) || !strings.HasSuffix(got.Error(), tt.want) && !strings.Contains(got.Error(), tt.want+",") {
			t.Errorf("cannotListen(%v) = %q, want %q", err, got, tt.want)
		}
	}
}

// TestUnreadableKey: that a file of TLS may not be read says nothing of ports.
func TestUnreadableKey(t *testing.T) {
	err := fmt.Errorf("read TLS file: %w", &fs.PathError{Op: "open", Path: "key.pem", Err: syscall.EACCES})
	if got := cannotListen(err, "--listen"); got.Error() != err.Error() {
		t.Errorf("cannotListen(%v) = %v, want it as it is", err, got)
	}
}
