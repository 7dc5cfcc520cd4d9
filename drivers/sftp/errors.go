package sftp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strings"

	proto "github.com/pkg/sftp"

	"trivium/drivers"
)

// Status codes of the protocol (draft-ietf-secsh-filexfer-02 §7).
const (
	codeFailure      = 4
	codeBadMessage   = 5
	codeNoConnection = 6
	codeLost         = 7
	codeUnsupported  = 8
)

// classify gives an error of the server or the connection the sentinel that it means to users of a driver.
func classify(err error) error {
	if err == nil || drivers.Sentinel(err) != nil {
		return err
	}
	return fmt.Errorf("%w: %w", sentinelOf(err), err)
}

func sentinelOf(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return drivers.ErrNotExist
	case errors.Is(err, fs.ErrPermission):
		return drivers.ErrDenied
	case isLost(err):
		return drivers.ErrTransient
	}
	if s, ok := errors.AsType[*proto.StatusError](err); ok {
		text := strings.ToLower(s.Error())
		switch {
		case strings.Contains(text, "no space") || strings.Contains(text, "quota"):
			return drivers.ErrNoSpace
		case s.Code == codeBadMessage:
			return drivers.ErrName // of OpenSSH for a name that the file system does not take
		}
	}
	return drivers.ErrBroken
}

// isFailure tells whether err is the status with which servers answer whatever the protocol has no status for.
func isFailure(err error) bool {
	s, ok := errors.AsType[*proto.StatusError](err)
	return ok && s.Code == codeFailure
}

// isLost tells whether err means that the connection is of no use any more.
func isLost(err error) bool {
	if s, ok := errors.AsType[*proto.StatusError](err); ok {
		return s.Code == codeNoConnection || s.Code == codeLost
	}
	if errors.Is(err, proto.ErrSSHFxConnectionLost) || errors.Is(err, proto.ErrSSHFxNoConnection) {
		return true
	}
	_, network := errors.AsType[net.Error](err)
	return network || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.ErrClosedPipe) ||
		errors.Is(err, net.ErrClosed)
}

// enoughFree is more than what is left of a disk that refused to take a piece.
const enoughFree = pieceSize

// explainWrite finds out whether an unspecific failure to write means that the disk is full.
func (d *Driver) explainWrite(ctx context.Context, err error) error {
	if !isFailure(err) || drivers.Sentinel(err) != nil || ctx.Err() != nil || !d.can.statvfs {
		return err
	}
	full := false
	statErr := d.with(ctx, func(c *proto.Client) error {
		st, err := c.StatVFS(d.root)
		full = err == nil && (st.Bavail*st.Frsize < enoughFree || st.Files > 0 && st.Favail == 0)
		return err
	})
	if statErr == nil && full {
		return fmt.Errorf("%w: the server's disk is full: %w", drivers.ErrNoSpace, err)
	}
	return err
}

// parentLost keeps a missing parent or temporary file from passing for a missing name.
func parentLost(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s", drivers.ErrBroken, err.Error())
	}
	return err
}
