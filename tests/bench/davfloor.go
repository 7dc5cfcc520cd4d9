package main

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"

	"golang.org/x/net/webdav"
)

// Below webdavPath the floor is a server of x/net/webdav over a directory. It does not sync anything: what it has
// answered a power cut takes back, and its COPY reads and writes every byte. Below webdavSyncPath it is the same with
// an fsync of each file that was written and of its directory, which is as much as it takes to be durable.
const (
	webdavPath     = "/webdav"
	webdavSyncPath = "/webdav-sync"
)

// serveWebDAV returns the floor of WebDAV for a directory.
func serveWebDAV(dir string) (http.Handler, error) {
	mux := http.NewServeMux()
	for prefix, files := range map[string]func(dir string) webdav.FileSystem{
		webdavPath:     func(dir string) webdav.FileSystem { return webdav.Dir(dir) },
		webdavSyncPath: func(dir string) webdav.FileSystem { return synced{webdav.Dir(dir), dir} },
	} {
		at := filepath.Join(dir, filepath.Base(prefix))
		if err := os.Mkdir(at, 0o700); err != nil {
			return nil, err
		}
		mux.Handle(prefix+"/", &webdav.Handler{Prefix: prefix, FileSystem: files(at), LockSystem: webdav.NewMemLS()})
	}
	return mux, nil
}

// synced is a directory whose files are durable when they are closed.
type synced struct {
	webdav.FileSystem
	dir string
}

// OpenFile implements webdav.FileSystem.
func (s synced) OpenFile(ctx context.Context, name string, flag int, perm os.FileMode) (webdav.File, error) {
	f, err := s.FileSystem.OpenFile(ctx, name, flag, perm)
	if err != nil || flag&(os.O_WRONLY|os.O_RDWR) == 0 {
		return f, err
	}
	return &syncedFile{f, filepath.Dir(filepath.Join(s.dir, filepath.FromSlash(name)))}, nil
}

// syncedFile is a file that is written.
type syncedFile struct {
	webdav.File
	dir string
}

// Close implements io.Closer.
func (f *syncedFile) Close() error {
	var err error
	if s, ok := f.File.(interface{ Sync() error }); ok {
		err = s.Sync()
	}
	return errors.Join(err, f.File.Close(), syncDir(f.dir))
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
