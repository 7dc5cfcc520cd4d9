package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"trivium/core/coretest"
)

// davSmall is the content of small files, davMembers how many a folder has.
const (
	davSmall   = 4 << 10
	davMembers = 10_000
)

// davTargets are the server's WebDAV, as a user with a password, and its floors.
func (b *bench) davTargets() []target {
	basic := "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(userName+":"+password)) + "\r\n"
	all := []target{
		{name: "trivium", addr: b.server.addr, path: "/dav/" + bucket, header: basic},
		{name: "x/net, no fsync", addr: b.floor.addr, path: webdavPath},
		{name: "x/net, fsync", addr: b.floor.addr, path: webdavSyncPath},
	}
	if b.before != nil {
		all = append(all, target{name: "before", addr: b.before.addr, path: "/dav/" + bucket, header: basic})
	}
	return all
}

// timedCall makes one request and returns how long it took, in ms.
func (b *bench) timedCall(t target, r request) (float64, error) {
	took, _, err := send(b.ctx, t, 1, 1, func(int) request { return r })
	return float64(took.Microseconds()) / 1000, err
}

// davFill makes a folder with small files in it.
func (b *bench) davFill(t target, folder string, count int) error {
	if _, err := b.timedCall(t, request{method: "MKCOL", target: folder, want: http.StatusCreated}); err != nil {
		return err
	}
	_, _, err := send(b.ctx, t, 8, count, func(i int) request { return davFile(folder, i) })
	return err
}

// davFile makes the request for a small file of a folder.
func davFile(folder string, i int) request {
	body := coretest.Bytes(uint64(i), davSmall)
	copy(body, folder)
	return request{method: http.MethodPut, target: fmt.Sprintf("%sfile-%06d.txt", folder, i), body: body, want: http.StatusCreated}
}

// rowDavPut stores small files, each new.
func (b *bench) rowDavPut() error {
	count := b.pick(2000, 2000)
	f := figure{what: "DAV PUT 4 KiB, Basic, 8 clients", unit: perSecond, aim: "≥ x/net, fsync"}
	return b.contrast(f, b.davTargets(), func(t target, round int) (float64, error) {
		folder := fmt.Sprintf("/put-%d/", round)
		if _, err := b.timedCall(t, request{method: "MKCOL", target: folder, want: http.StatusCreated}); err != nil {
			return 0, err
		}
		took, _, err := send(b.ctx, t, 8, count, func(i int) request { return davFile(folder, i) })
		return rate(count, 1, took), err
	})
}

// rowDavLarge stores, reads and copies a large file.
func (b *bench) rowDavLarge() error {
	size := b.pick(1<<30, 128<<20)
	const piece = 16 << 20
	what := fmt.Sprintf("of %d MiB, Basic, 1 stream", size>>20)
	file := func(round int) string { return fmt.Sprintf("/large-%d.bin", round) }
	remove := func(t target, at string) error {
		_, err := b.timedCall(t, request{method: http.MethodDelete, target: at, want: http.StatusNoContent})
		return err
	}
	put := func(t target, round int) (float64, error) {
		body := coretest.Bytes(uint64(round), piece)
		copy(body, t.name)
		r := request{method: http.MethodPut, target: file(round), body: body, times: size / piece, want: http.StatusCreated}
		if t.path == "" { // the floor of S3, which writes over what it has
			r.target, r.want = file(0), http.StatusOK
		}
		took, _, err := send(b.ctx, t, 1, 1, func(int) request { return r })
		if err == nil && round > 0 && t.path != "" { // the first is read and copied
			err = remove(t, file(round))
		}
		return rate(1, size, took), err
	}
	get := func(t target, _ int) (float64, error) {
		took, got, err := send(b.ctx, t, 1, 1, func(int) request {
			return request{method: http.MethodGet, target: file(0), want: http.StatusOK}
		})
		if err == nil && got != int64(size) {
			err = fmt.Errorf("%d bytes, want %d", got, size)
		}
		return rate(1, size, took), err
	}
	duplicate := func(t target, round int) (float64, error) {
		to := fmt.Sprintf("/copy-%d.bin", round)
		took, err := b.timedCall(t, request{
			method: "COPY", target: file(0), header: "Destination: " + t.path + to + "\r\n", want: http.StatusCreated,
		})
		return took, errors.Join(err, remove(t, to))
	}
	// Of these floors the first alone computes a digest, as the server must.
	withDigest := slices.Insert(b.davTargets(), 1, target{name: "file, MD5, fsync", addr: b.floor.addr})
	return errors.Join(
		b.contrast(figure{what: "DAV PUT " + what, unit: megabytes, aim: "≥ 0.9"}, withDigest, put),
		b.contrast(figure{what: "DAV GET " + what, unit: megabytes, aim: "≥ 0.85"}, b.davTargets(), get),
		b.contrast(figure{what: "DAV COPY " + what, unit: millis, aim: "≤ 10 ms"}, b.davTargets(), duplicate),
	)
}

// davAsked is what a file system on WebDAV asks of each file.
const davAsked = `<?xml version="1.0" encoding="utf-8"?><propfind xmlns="DAV:"><prop><resourcetype/><getcontentlength/>` +
	`<getlastmodified/><getetag/><displayname/></prop></propfind>`

// rowDavFolder lists and moves a large folder.
func (b *bench) rowDavFolder() error {
	const folder = "/many/"
	for _, t := range b.davTargets() {
		if err := b.davFill(t, folder, davMembers); err != nil {
			return fmt.Errorf("fill %s: %w", t.name, err)
		}
	}
	list := func(body string) func(target, int) (float64, error) {
		return func(t target, _ int) (float64, error) {
			return b.timedCall(t, request{
				method: "PROPFIND", target: folder, header: "Depth: 1\r\nContent-Type: application/xml\r\n", body: []byte(body),
				want: http.StatusMultiStatus,
			})
		}
	}
	move := func(t target, round int) (float64, error) {
		names := []string{folder, "/moved/"}
		from, to := names[round%2], names[1-round%2]
		return b.timedCall(t, request{
			method: "MOVE", target: from, header: "Destination: " + t.path + to + "\r\n", want: http.StatusCreated,
		})
	}
	return errors.Join(
		b.checkMembers(folder),
		b.contrast(figure{what: "PROPFIND of 10,000, 5 properties, Basic", unit: millis}, b.davTargets(), list(davAsked)),
		b.contrast(figure{what: "PROPFIND of 10,000, allprop, Basic", unit: millis}, b.davTargets(), list("")),
		b.lockElsewhere(),
		b.contrast(figure{what: "the same, a lock in the bucket", unit: millis}, b.davTargets(), list("")),
		b.contrast(figure{what: "DAV MOVE of a folder of 10,000, Basic", unit: millis, aim: "≤ 0.5 s"}, b.davTargets(), move),
	)
}

// lockElsewhere locks a file beside the folder.
func (b *bench) lockElsewhere() error {
	const lock = `<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>`
	for _, t := range b.davTargets() {
		r := request{method: "LOCK", target: "/locked.txt", header: "Depth: 0\r\n", body: []byte(lock), want: http.StatusCreated}
		if _, err := b.timedCall(t, r); err != nil {
			return fmt.Errorf("lock %s: %w", t.name, err)
		}
	}
	return nil
}

// checkMembers checks that every server tells of all members of a folder.
func (b *bench) checkMembers(folder string) error {
	for _, t := range b.davTargets() {
		r, err := http.NewRequestWithContext(b.ctx, "PROPFIND", "http://"+t.addr+t.path+folder, strings.NewReader(davAsked))
		if err != nil {
			return err
		}
		r.Header.Set("Depth", "1")
		r.SetBasicAuth(userName, password)
		body, err := fetch(r)
		if err != nil {
			return err
		}
		if n := bytes.Count(body, []byte(".txt</D:href>")); n != davMembers {
			return fmt.Errorf("%s tells of %d members, want %d", t.name, n, davMembers)
		}
	}
	return nil
}

// listMemory lists a whole bucket by WebDAV and watches the server's memory.
func (b *bench) listMemory(name string, size int) error {
	before, err := b.server.memory("RssAnon")
	if err != nil {
		return err
	}
	t := b.davTargets()[0]
	t.path = "/dav/" + name
	ctx, cancel := context.WithCancel(b.ctx)
	peak := make(chan float64)
	go func() { peak <- b.server.peak(ctx) }()
	_, err = b.timedCall(t, request{
		method: "PROPFIND", target: "/", header: "Depth: 1\r\n", body: []byte(davAsked), want: http.StatusMultiStatus,
	})
	cancel()
	b.table.print(figure{
		what: fmt.Sprintf("PROPFIND of %d: memory gained", size), unit: mebibytes, value: max(0, <-peak-before),
		aim: "whatever the number",
	})
	return err
}
