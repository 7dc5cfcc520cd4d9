package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"trivium/core/coretest"
)

const (
	// overload is how many times as many clients there are as requests of a kind are let in at a time.
	overload = 5
	// backOff is how long a client waits at most after it was refused, twice as long after each further time up to
	// mostBackOff: as AWS's SDKs do.
	backOff, mostBackOff = time.Second, 20 * time.Second
)

// answers are what clients saw of one run.
type answers struct {
	took    []time.Duration // of those that were served, sorted
	ended   []time.Duration // when each was, since the beginning, sorted
	refused int
	cpu     float64 // of the server, in µs for each that was served
}

// quantile returns the latency that a share of the requests did not exceed, in ms.
func (a *answers) quantile(share float64) float64 {
	return float64(a.took[int(share*float64(len(a.took)-1))].Microseconds()) / 1000
}

// rate is how many were served in a second while there was enough to do: in the end a few wait for their next try.
func (a *answers) rate() float64 {
	most := len(a.ended) * 3 / 4
	return float64(most) / a.ended[most-1].Seconds()
}

// flood keeps clients busy until count requests are served in all. Each counts from when it was sent for the last time:
// what was refused, and the wait after it, is not of the request that is served.
func flood(ctx context.Context, t target, clients, count int, one func(i int) request) (*answers, error) {
	requests := prepare(count, one)
	todo := make(chan *request, count)
	for i := range requests {
		todo <- &requests[i]
	}
	close(todo)
	conns := make([]*conn, clients)
	for i := range conns {
		c, err := dial(ctx, t)
		if err != nil {
			return nil, err
		}
		defer c.close()
		c.buf = c.buf[:32<<10]
		conns[i] = c
	}
	all := make([]answers, clients)
	failed := make([]error, clients)
	var wg sync.WaitGroup
	start := time.Now()
	for i, c := range conns {
		wg.Go(func() {
			for r := range todo {
				if failed[i] = all[i].serve(ctx, c, r, start); failed[i] != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	sum := new(answers)
	for i := range all {
		sum.took, sum.ended = append(sum.took, all[i].took...), append(sum.ended, all[i].ended...)
		sum.refused += all[i].refused
	}
	slices.Sort(sum.took)
	slices.Sort(sum.ended)
	return sum, errors.Join(failed...)
}

// serve sends a request until it is served.
func (a *answers) serve(ctx context.Context, c *conn, r *request, began time.Time) error {
	for wait := backOff; ; wait = min(2*wait, mostBackOff) {
		start := time.Now()
		_, err := c.do(r)
		if err == nil {
			a.took, a.ended = append(a.took, time.Since(start)), append(a.ended, time.Since(began))
			return nil
		}
		if c.status != http.StatusServiceUnavailable {
			return err
		}
		a.refused++
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(rand.N(wait)):
		}
	}
}

// rowOverload compares five times as many clients as are let in with just as many.
func (b *bench) rowOverload() error {
	const size = 4 << 10
	if err := b.objects(size, stock(size)); err != nil {
		return err
	}
	page := url.Values{"list-type": {"2"}, "max-keys": {"1000"}, "prefix": {fmt.Sprintf("get%d/", size)}}
	for _, k := range []struct {
		what       string
		fit, count int
		one        func(round, i int) request
	}{
		{"PUT 4 KiB", 256, b.pick(40_000, 10_000), func(round, i int) request {
			return b.signed(http.MethodPut, bucket, fmt.Sprintf("overload/%d/%d", round, i), nil, coretest.Bytes(uint64(i), size))
		}},
		{"GET 4 KiB", 256, b.pick(80_000, 20_000), func(_, i int) request {
			return b.signed(http.MethodGet, bucket, fmt.Sprintf("get%d/%04d", size, i%stock(size)), nil, nil)
		}},
		{"pages of 500 keys", 128, b.pick(8000, 2000), func(int, int) request {
			return b.signed(http.MethodGet, bucket, "", page, nil)
		}},
	} {
		if err := b.overloaded(k.what, k.fit, k.count, k.one); err != nil {
			return fmt.Errorf("%s: %w", k.what, err)
		}
	}
	return nil
}

// overloaded measures one kind of request.
func (b *bench) overloaded(what string, fit, count int, one func(round, i int) request) error {
	names := []string{"p50", "p99", "served", "CPU for each"}
	var once, many [4][]float64
	var share []float64
	for round := range b.rounds {
		for i, times := range []int{1, overload} {
			before, err := b.server.cpu()
			if err != nil {
				return err
			}
			a, err := flood(b.ctx, b.trivium(), fit*times, count, func(j int) request { return one(2*round+i, j) })
			if err != nil {
				return err
			}
			after, err := b.server.cpu()
			if err != nil {
				return err
			}
			a.cpu = 1e6 * (after - before).Seconds() / float64(count)
			to := &once
			if times > 1 {
				to = &many
				share = append(share, 100*float64(a.refused)/float64(a.refused+count))
			}
			for n, v := range []float64{a.quantile(.5), a.quantile(.99), a.rate(), a.cpu} {
				to[n] = append(to[n], v)
			}
		}
	}
	for n, u := range []unit{millis, millis, perSecond, micros} {
		b.table.print(figure{
			what: fmt.Sprintf("%s, %d clients: %s", what, fit*overload, names[n]), unit: u, value: median(many[n]),
			floor: fmt.Sprintf("%d clients", fit), base: median(once[n]), aim: [...]string{"≤ 2", "≤ 2", "≥ 0.8", ""}[n],
		})
	}
	b.table.print(figure{what: fmt.Sprintf("%s, %d clients: refused", what, fit*overload), unit: percent, value: median(share)})
	return nil
}
