package webdav

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"trivium/drivers"
)

// temps makes the temporary names of one opened driver: "<id>.<number>" in tempDir.
type temps struct {
	id   string
	next atomic.Uint64
}

const (
	idLength   = 26 // of rand.Text
	staleAfter = 24 * time.Hour
	// maxCleaned bounds how many stale names one Open removes, so that it does not take for ever.
	maxCleaned = 1000
	// cleanUp is how long removing a temporary name may take: a call returns within 5 s when its ctx ends.
	cleanUp = 3 * time.Second
)

func newTemps() *temps { return &temps{id: rand.Text()} }

// create returns a name that nobody has used.
func (t *temps) create() string {
	return path.Join(tempDir, t.id+"."+strconv.FormatUint(t.next.Add(1), 36))
}

// isTemp tells whether a name is one that temps makes. Nothing else in the directory is ever removed.
func isTemp(name string) bool {
	id, number, ok := strings.Cut(name, ".")
	return ok && len(id) == idLength && strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == "" &&
		number != "" && strings.Trim(number, "0123456789abcdefghijklmnopqrstuvwxyz") == ""
}

// openTemps makes the directory of temporary names, removes those that are stale, and finds out with one of its own
// whether the server keeps times.
func (d *Driver) openTemps(ctx context.Context) error {
	if err := d.mkcol(ctx, tempDir); err != nil {
		return parentLost(err)
	}
	if err := d.removeStale(ctx); err != nil {
		return err
	}
	var err error
	d.keepsTime, err = d.probeTime(ctx)
	return err
}

// removeStale removes temporary names that are older than staleAfter by the server's clock. One that cannot be
// removed stays for the next time.
func (d *Driver) removeStale(ctx context.Context) error {
	var stale []string
	var entries []member
	header, err := d.client.multistatus(ctx, d.client.url(tempDir, true), "1", fileProperties, func(m member) error {
		if n := len(m.path); n > 0 && !m.dir && isTemp(m.path[n-1]) && len(entries) < 100*maxCleaned {
			entries = append(entries, m)
		}
		return nil
	})
	if err != nil {
		return err
	}
	now, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	for _, m := range entries {
		if !m.modTime.IsZero() && now.Sub(m.modTime) > staleAfter && len(stale) < maxCleaned {
			stale = append(stale, m.path[len(m.path)-1])
		}
	}
	for _, name := range stale {
		if err := d.remove(ctx, d.client.url(path.Join(tempDir, name), false)); err != nil && ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// probeTime sends an empty temporary file with a time and looks whether it has got it. Servers that know X-OC-Mtime
// (ownCloud, Nextcloud, Trivium) say so in their answer.
func (d *Driver) probeTime(ctx context.Context) (bool, error) {
	temp := d.temps.create()
	defer d.dropTemp(ctx, temp)
	want := time.Unix(1_000_000_000, 0)
	header, err := d.client.send(ctx, request{
		method: http.MethodPut, path: d.client.url(temp, false), header: http.Header{"X-Oc-Mtime": {mtimeHeader(want)}},
	}, http.StatusCreated, http.StatusNoContent, http.StatusOK)
	if err != nil {
		return false, parentLost(err)
	}
	if !strings.EqualFold(header.Get("X-Oc-Mtime"), "accepted") {
		return false, nil
	}
	m, err := d.client.stat(ctx, temp, false)
	return err == nil && m.modTime.Equal(want), parentLost(err)
}

func mtimeHeader(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

// dropTemp removes a temporary name, whatever became of ctx. While the server is still busy with a PUT that was broken
// off it may refuse; what cannot be removed in time is removed by an Open a day later.
func (d *Driver) dropTemp(ctx context.Context, temp string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
	defer cancel()
	for range 10 {
		err := d.remove(ctx, d.client.url(temp, false))
		if err == nil || !errors.Is(err, drivers.ErrTransient) {
			return
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return
		}
	}
}
