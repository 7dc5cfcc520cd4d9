package main

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// floor is a bare server. Below /nowhere a PUT is read and dropped; elsewhere it goes to a temporary file with its
// MD5, fsync, rename and fsync of the directory, and a GET or HEAD is answered from that file.
type floor struct {
	dir   string
	dav   http.Handler
	count atomic.Int64
}

// serveFloor prints its address and serves until it is killed.
func serveFloor(dir string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	dav, err := serveWebDAV(dir)
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	srv := &http.Server{Handler: &floor{dir: dir, dav: dav}, ReadHeaderTimeout: 10 * time.Second}
	return srv.Serve(l)
}

// ServeHTTP implements http.Handler.
func (f *floor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var err error
	switch {
	case strings.HasPrefix(r.URL.Path, webdavPath+"/"), strings.HasPrefix(r.URL.Path, webdavSyncPath+"/"):
		f.dav.ServeHTTP(w, r)
	case r.Method == http.MethodPut && strings.HasPrefix(r.URL.Path, "/nowhere/"):
		_, err = io.Copy(io.Discard, r.Body)
	case r.Method == http.MethodPut:
		err = f.put(w, r)
	default:
		err = f.get(w, r)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// file is where a key lies: names are flat, as cheap as can be.
func (f *floor) file(path string) string {
	return filepath.Join(f.dir, strings.ReplaceAll(strings.Trim(path, "/"), "/", "_"))
}

func (f *floor) put(w http.ResponseWriter, r *http.Request) error {
	temp, err := os.Create(filepath.Join(f.dir, ".new"+strconv.FormatInt(f.count.Add(1), 10)))
	if err != nil {
		return err
	}
	defer temp.Close()
	sum := md5.New()
	if _, err := io.CopyBuffer(io.MultiWriter(sum, onlyWriter{temp}), r.Body, make([]byte, 256<<10)); err != nil {
		return err
	}
	if err := temp.Sync(); err != nil {
		return err
	}
	if err := os.Rename(temp.Name(), f.file(r.URL.Path)); err != nil {
		return err
	}
	if err := syncDir(f.dir); err != nil {
		return err
	}
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum.Sum(nil))+`"`)
	return nil
}

// onlyWriter hides ReadFrom.
type onlyWriter struct{ io.Writer }

func (f *floor) get(w http.ResponseWriter, r *http.Request) error {
	file, err := os.Open(f.file(r.URL.Path))
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	first, last := int64(0), info.Size()-1
	status := http.StatusOK
	if rng := r.Header.Get("Range"); rng != "" {
		if _, err := fmt.Sscanf(rng, "bytes=%d-%d", &first, &last); err != nil {
			return err
		}
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, last, info.Size()))
		status = http.StatusPartialContent
		if _, err := file.Seek(first, io.SeekStart); err != nil {
			return err
		}
	}
	h := w.Header()
	h.Set("Content-Length", strconv.FormatInt(last-first+1, 10))
	h.Set("Content-Type", "binary/octet-stream")
	h.Set("Last-Modified", info.ModTime().UTC().Format(http.TimeFormat))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = io.Copy(w, io.LimitReader(file, last-first+1)) // sendfile
	}
	return nil
}
