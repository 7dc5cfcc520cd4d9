package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// request is one prepared request: everything but the Host is ready to be sent, whoever gets it.
type request struct {
	method string
	target string // path and query, signature included
	header string // further header lines
	body   []byte
	times  int // that body is sent in a row as one; 0: once
	want   int // status
}

// length is how many bytes of content are sent.
func (r *request) length() int64 { return int64(len(r.body)) * int64(max(1, r.times)) }

// target is a server that requests go to.
type target struct {
	name   string
	addr   string
	path   string // put before the target of every request
	header string // lines that every request has, such as credentials
}

// send sends count requests over clients connections, one after the other on each, and returns how long that took
// and how many bytes of content came back.
func send(ctx context.Context, t target, clients, count int, one func(i int) request) (time.Duration, int64, error) {
	conns := make([]*conn, clients)
	for i := range conns {
		c, err := dial(ctx, t)
		if err != nil {
			return 0, 0, err
		}
		defer c.close()
		conns[i] = c
	}
	requests := prepare(count, one)
	var next, received atomic.Int64
	var wg sync.WaitGroup
	failed := make([]error, clients)
	start := time.Now()
	for n, c := range conns {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= count || failed[n] != nil {
					return
				}
				var got int64
				got, failed[n] = c.do(&requests[i])
				received.Add(got)
			}
		})
	}
	wg.Wait()
	return time.Since(start), received.Load(), errors.Join(failed...)
}

// prepare makes the requests before the clock runs.
func prepare(count int, one func(i int) request) []request {
	all := make([]request, count)
	for i := range all {
		all[i] = one(i)
	}
	return all
}

// conn is one connection that is kept alive.
type conn struct {
	t    target
	c    net.Conn
	r    *bufio.Reader
	head []byte
	buf  []byte

	status int // of the last answer
}

func dial(ctx context.Context, t target) (*conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", t.addr)
	if err != nil {
		return nil, err
	}
	return &conn{t: t, c: c, r: bufio.NewReaderSize(c, 64<<10), buf: make([]byte, 256<<10)}, nil
}

func (c *conn) close() { _ = c.c.Close() }

// do sends one request and reads the answer; it returns the bytes of its body.
func (c *conn) do(r *request) (int64, error) {
	h := append(c.head[:0], r.method...)
	h = append(append(append(h, ' '), c.t.path...), r.target...)
	h = append(append(append(h, " HTTP/1.1\r\nHost: "...), hostHeader...), "\r\n"...)
	h = append(append(h, c.t.header...), r.header...)
	if r.body != nil {
		h = append(strconv.AppendInt(append(h, "Content-Length: "...), r.length(), 10), "\r\n"...)
	}
	c.head = append(h, "\r\n"...)
	bufs := net.Buffers{c.head}
	for range max(1, r.times) {
		bufs = append(bufs, r.body)
	}
	c.status = 0
	if _, err := bufs.WriteTo(c.c); err != nil {
		return 0, err
	}
	resp, err := http.ReadResponse(c.r, &http.Request{Method: r.method})
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	c.status = resp.StatusCode
	n, err := io.CopyBuffer(onlyWriter{io.Discard}, resp.Body, c.buf)
	if err != nil {
		return n, err
	}
	if resp.StatusCode != r.want {
		return n, fmt.Errorf("%s %s: status %d, want %d", r.method, r.target, resp.StatusCode, r.want)
	}
	return n, nil
}
