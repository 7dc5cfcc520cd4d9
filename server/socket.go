package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/pprof" // what it adds to the default mux is served nowhere
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// maxSocketPath is the longest path that a socket is bound to; systems end between 104 and 108 bytes.
const maxSocketPath = 100

// ListenSocket binds a Unix socket at path, in a directory of the operator's: who may open the file is an
// administrator, so it is his alone, mode 0600. Where the path is too long, or its file system has no sockets, the
// socket is made in a directory for temporary files, 0700, and path is a symbolic link to it. What a killed process
// left at path is removed; the caller holds a lock that no running one does. cfg.Address and the TLS files are not
// used. A copy of the directory has another place, so that a link in it leads nowhere. Below /v1/admin/ Serve hands
// requests to Doors.Admin; it answers /debug/pprof/ and what is below /-/ itself.
func ListenSocket(ctx context.Context, path string, cfg Config) (*Server, error) {
	if err := removeSocket(path); err != nil {
		return nil, fmt.Errorf("remove what is left of socket %s: %w", path, err)
	}
	ln, err := bindSocket(ctx, path)
	if err != nil {
		var short error
		if ln, short = bindElsewhere(ctx, path); short != nil {
			return nil, errors.Join(err, short)
		}
	}
	s := newServer(cfg, ln, nil)
	s.socket, s.ln.local = true, true
	return s, nil
}

// SocketPath returns where the socket that ListenSocket made at path can be reached: path, or what it links to. The
// error is fs.ErrNotExist when there is none, also where path is a copy of a link; a link to where somebody else may
// have put another socket is refused.
func SocketPath(path string) (string, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return "", err
	}
	if info.Mode().Type() != fs.ModeSymlink {
		return path, nil
	}
	short, err := os.Readlink(path)
	if err != nil {
		return "", err
	}
	if !leadsFrom(path, short) {
		return "", fmt.Errorf("%s links to the socket of another directory: %w", path, fs.ErrNotExist)
	}
	dir, err := os.Lstat(filepath.Dir(short))
	if err != nil {
		return "", err
	}
	if !dir.IsDir() || dir.Mode().Perm()&0o077 != 0 || ownerOf(dir) != ownerOf(info) {
		return "", fmt.Errorf("%s links to %s, whose directory is not for the owner of the link alone", path, short)
	}
	return short, nil
}

// ownerOf returns the user id of a file's owner, -1 where there is none.
func ownerOf(info fs.FileInfo) int {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid)
	}
	return -1
}

// bindSocket listens on path.
func bindSocket(ctx context.Context, path string) (net.Listener, error) {
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("bind %s: a socket's path has at most %d bytes", path, maxSocketPath)
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	return ln, nil
}

// linked is a socket that another path links to.
type linked struct {
	net.Listener
	path string
}

// Close ends the listening and removes the socket with all that led to it.
func (l linked) Close() error { return errors.Join(l.Listener.Close(), removeSocket(l.path)) }

// placeOf names the directory that path lies in, however it is called: a copy of it has another name.
func placeOf(path string) (string, error) {
	info, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return "", err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "", errors.ErrUnsupported
	}
	return fmt.Sprintf("%x-%x", st.Dev, st.Ino), nil
}

// tempPrefix begins the name of the directory for a short path that path links to.
func tempPrefix(place string) string { return "trivium-" + place + "-" }

// leadsFrom tells whether the link at path to short was made for the directory that path lies in.
func leadsFrom(path, short string) bool {
	place, err := placeOf(path)
	return err == nil && strings.HasPrefix(filepath.Base(filepath.Dir(short)), tempPrefix(place))
}

// bindElsewhere listens on a short path, to which path becomes a link.
func bindElsewhere(ctx context.Context, path string) (net.Listener, error) {
	place, err := placeOf(path)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", tempPrefix(place))
	if err == nil && len(dir)+len("/admin.sock") > maxSocketPath {
		_ = os.Remove(dir)
		dir, err = os.MkdirTemp("/tmp", tempPrefix(place))
	}
	if err != nil {
		return nil, err
	}
	short := filepath.Join(dir, "admin.sock")
	if err := os.Symlink(short, path); err != nil {
		return nil, errors.Join(err, os.Remove(dir))
	}
	ln, err := bindSocket(ctx, short)
	if err != nil {
		return nil, errors.Join(err, removeSocket(path))
	}
	return linked{ln, path}, nil
}

// removeSocket removes a socket, or a link to one with the directory that was made for it. Nothing there is no error;
// what is neither stays, and is one.
func removeSocket(path string) error {
	if info, err := os.Lstat(path); err == nil && info.Mode().Type()&(fs.ModeSocket|fs.ModeSymlink) == 0 {
		return fmt.Errorf("%s is no socket: remove it", path)
	}
	short, err := os.Readlink(path)
	if err == nil && leadsFrom(path, short) {
		_ = os.Remove(short)
		_ = os.Remove(filepath.Dir(short)) // not ours any more: what is left of it is harmless
	}
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// routeSocket finds what answers a request on the socket.
func (s *Server) routeSocket(r *http.Request) (door string, h http.Handler) {
	d, path := s.doors.Load(), r.URL.Path
	switch {
	case firstSegment(r.URL) == "-":
		return "server", http.HandlerFunc(s.ownPages)
	case strings.HasPrefix(path, "/debug/pprof/"):
		return "server", profiles(strings.TrimPrefix(path, "/debug/pprof/"))
	case firstSegment(r.URL) != "v1":
		return "server", http.HandlerFunc(noPage)
	case d == nil || d.Admin == nil:
		return "admin", http.HandlerFunc(startingAdmin)
	}
	return "admin", d.Admin
}

// profiles returns what answers below /debug/pprof/, which looks into the running process.
func profiles(name string) http.Handler {
	switch name {
	case "cmdline": // its secrets are none of a profile's business
		return http.HandlerFunc(noPage)
	case "profile":
		return http.HandlerFunc(pprof.Profile)
	case "symbol":
		return http.HandlerFunc(pprof.Symbol)
	case "trace":
		return http.HandlerFunc(pprof.Trace)
	}
	return http.HandlerFunc(pprof.Index)
}

// noPage answers a path where nothing is.
func noPage(w http.ResponseWriter, _ *http.Request) {
	writeText(w, http.StatusNotFound, "no such page\n")
}

// startingAdmin answers /v1/admin/ while the store opens, in the form of its other answers.
func startingAdmin(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Retry-After", "1")
	NoteCode(r.Context(), "Starting")
	writeJSON(w, http.StatusServiceUnavailable, map[string]string{
		"code": "Starting", "message": "the server is starting: try again in a moment", "requestId": RequestID(r.Context()),
	})
}
