package main

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"trivium/core/coretest"
	"trivium/tests/s3client"
)

// row is one thing to measure.
type row struct {
	name string
	run  func(b *bench) error
}

// rows are the rows of design §8.
func rows() []row {
	return []row{
		{"start", (*bench).rowStart},
		{"idle", (*bench).rowIdle},
		{"put4k", func(b *bench) error {
			return b.rowPut("PUT 4 KiB, 16 clients", 4<<10, 16, b.pick(4000, 500), "≥ 2.0; nowhere ≥ 0.4")
		}},
		{"get4k", func(b *bench) error {
			return b.rowGet("GET 4 KiB, 16 clients", 4<<10, 16, b.pick(8000, 1500), "≥ 0.5")
		}},
		{"head", (*bench).rowHead},
		{"put128k", func(b *bench) error {
			return b.rowPut("PUT 128 KiB, 16 clients", 128<<10, 16, b.pick(1000, 150), "≥ 0.7")
		}},
		{"get128k", func(b *bench) error {
			return b.rowGet("GET 128 KiB, 16 clients", 128<<10, 16, b.pick(4000, 600), "≥ 0.55")
		}},
		{"put64m", func(b *bench) error {
			return errors.Join(b.rowPut("PUT 64 MiB, 1 stream", 64<<20, 1, b.pick(6, 2), "≥ 0.9"),
				b.rowPut("PUT 64 MiB, 8 streams", 64<<20, 8, b.pick(16, 8), "≥ 0.9"))
		}},
		{"get64m", func(b *bench) error {
			return errors.Join(b.rowGet("GET 64 MiB, 1 stream", 64<<20, 1, b.pick(16, 4), "≥ 0.85"),
				b.rowGet("GET 64 MiB, 8 streams", 64<<20, 8, b.pick(32, 8), "≥ 0.85"))
		}},
		{"range", (*bench).rowRange},
		{"complete", (*bench).rowComplete},
		{"delete", (*bench).rowDelete},
		{"davput", (*bench).rowDavPut},
		{"davlarge", (*bench).rowDavLarge},
		{"davfolder", (*bench).rowDavFolder},
		{"native4k", (*bench).rowNativeSmall},
		{"native64m", (*bench).rowNativeLarge},
		{"uploads", (*bench).rowUploads},
		{"overload", (*bench).rowOverload},
		{"code", (*bench).rowCode},
		{"ec", (*bench).rowCoded},
		{"list", (*bench).rowList},
	}
}

func rowNames() []string {
	var names []string
	for _, r := range rows() {
		names = append(names, r.name)
	}
	return names
}

// pick returns the count of a full run or of a quick one.
func (b *bench) pick(full, quick int) int {
	if b.quick {
		return quick
	}
	return full
}

// compare is contrast for the server and its floors.
func (b *bench) compare(f figure, floors []target, one func(t target, round int) (float64, error)) error {
	return b.contrast(f, append([]target{b.trivium()}, floors...), one)
}

// contrast runs one measurement on all targets in turn and prints the figure of the first beside each of the others.
func (b *bench) contrast(f figure, all []target, one func(t target, round int) (float64, error)) error {
	values, floors := map[string][]float64{}, all[1:]
	for round := range b.rounds {
		for _, t := range all {
			v, err := one(t, round)
			if err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
			values[t.name] = append(values[t.name], v)
		}
	}
	f.value = median(values[all[0].name])
	for _, t := range floors {
		f.floor, f.base = t.name, median(values[t.name])
		b.table.print(f)
		f.aim = ""
	}
	if len(floors) == 0 {
		b.table.print(f)
	}
	return nil
}

// rate turns count operations of size bytes into the figure's unit: calls of small ones, bytes of large ones.
func rate(count, size int, took time.Duration) float64 {
	if size >= 64<<10 {
		return float64(count) * float64(size) / 1e6 / took.Seconds()
	}
	return float64(count) / took.Seconds()
}

// unitOf is the unit of rate.
func unitOf(size int) unit {
	if size >= 64<<10 {
		return megabytes
	}
	return perSecond
}

// rowPut stores new objects, each with content of its own.
func (b *bench) rowPut(what string, size, clients, count int, aim string) error {
	data := coretest.Bytes(1, size+count*8)
	f := figure{what: what, unit: unitOf(size), aim: aim}
	return b.compare(f, []target{b.floor, b.nowhere()}, func(t target, round int) (float64, error) {
		took, _, err := send(b.ctx, t, clients, count, func(i int) request {
			key := fmt.Sprintf("put%d/r%d/%06d", size, round, i)
			body := data[i*8 : i*8+size] // different, and no copy
			if size <= 4<<20 {
				body = bytes.Clone(body)
				copy(body, strconv.Itoa(round)+t.name+what)
			}
			return b.signed(http.MethodPut, bucket, key, nil, body)
		})
		return rate(count, size, took), err
	})
}

// objects makes sure that there are so many objects of that size in every place.
func (b *bench) objects(size, count int) error {
	name := fmt.Sprintf("get%d", size)
	if b.filled[name] >= count {
		return nil
	}
	for _, t := range []target{b.trivium(), b.floor} {
		_, _, err := send(b.ctx, t, 4, count, func(i int) request {
			return b.signed(http.MethodPut, bucket, fmt.Sprintf("%s/%04d", name, i), nil, coretest.Bytes(uint64(i), size))
		})
		if err != nil {
			return fmt.Errorf("fill %s: %w", t.name, err)
		}
	}
	b.filled[name] = count
	return nil
}

// stock is how many objects of a size are read in turn.
func stock(size int) int { return max(4, min(500, 64<<20/size)) }

// rowGet reads objects whole.
func (b *bench) rowGet(what string, size, clients, count int, aim string) error {
	if err := b.objects(size, stock(size)); err != nil {
		return err
	}
	f := figure{what: what, unit: unitOf(size), aim: aim}
	return b.compare(f, []target{b.floor}, func(t target, _ int) (float64, error) {
		took, got, err := send(b.ctx, t, clients, count, func(i int) request {
			return b.signed(http.MethodGet, bucket, fmt.Sprintf("get%d/%04d", size, i%stock(size)), nil, nil)
		})
		if err == nil && got != int64(count)*int64(size) {
			err = fmt.Errorf("%d bytes, want %d", got, int64(count)*int64(size))
		}
		return rate(count, size, took), err
	})
}

func (b *bench) rowHead() error {
	const size = 4 << 10
	if err := b.objects(size, stock(size)); err != nil {
		return err
	}
	count := b.pick(8000, 1500)
	return b.compare(figure{what: "HEAD, 16 clients", unit: perSecond, aim: "≥ 0.4"}, []target{b.floor},
		func(t target, _ int) (float64, error) {
			took, _, err := send(b.ctx, t, 16, count, func(i int) request {
				return b.signed(http.MethodHead, bucket, fmt.Sprintf("get%d/%04d", size, i%stock(size)), nil, nil)
			})
			return rate(count, 1, took), err
		})
}

// rowRange reads random aligned ranges of large objects.
func (b *bench) rowRange() error {
	const size, length = 64 << 20, 128 << 10
	if err := b.objects(size, stock(size)); err != nil {
		return err
	}
	count := b.pick(3000, 500)
	return b.compare(figure{what: "128 KiB ranges of 64 MiB, 16 clients", unit: megabytes, aim: "≥ 0.45"}, []target{b.floor},
		func(t target, round int) (float64, error) {
			rnd := rand.New(rand.NewPCG(uint64(round), 0))
			took, got, err := send(b.ctx, t, 16, count, func(i int) request {
				r := b.signed(http.MethodGet, bucket, fmt.Sprintf("get%d/%04d", size, i%stock(size)), nil, nil)
				at := rnd.IntN((size-length)/4096) * 4096
				r.header, r.want = fmt.Sprintf("Range: bytes=%d-%d\r\n", at, at+length-1), http.StatusPartialContent
				return r
			})
			if err == nil && got != int64(count)*length {
				err = fmt.Errorf("%d bytes, want %d", got, int64(count)*length)
			}
			return rate(count, length, took), err
		})
}

// rowComplete times the completion of large uploads and copies of what they made.
func (b *bench) rowComplete() error {
	const part = 16 << 20
	parts := b.pick(64, 8)
	whole := fmt.Sprintf("%d MiB", parts*part>>20)
	api := b.server.api
	err := b.compare(figure{what: "complete of a " + whole + " upload", unit: millis, aim: "≤ 5 ms"}, nil, func(_ target, round int) (float64, error) {
		key := fmt.Sprintf("upload/%d", round)
		id, err := api.CreateUpload(b.ctx, bucket, key)
		if err != nil {
			return 0, err
		}
		etags := make([]string, parts)
		for i := range parts {
			p := s3client.Part{Bucket: bucket, Key: key, UploadID: id, Number: i + 1}
			if etags[i], err = api.PutPart(b.ctx, p, bytes.NewReader(coretest.Bytes(uint64(round*1000+i), part)), part); err != nil {
				return 0, err
			}
		}
		return timed(func() error { return api.Complete(b.ctx, bucket, key, id, etags) })
	})
	if err != nil {
		return err
	}
	return b.compare(figure{what: "COPY of " + whole, unit: millis, aim: "≤ 10 ms"}, nil, func(_ target, round int) (float64, error) {
		return timed(func() error { return api.Copy(b.ctx, bucket, "upload/0", fmt.Sprintf("copy/%d", round)) })
	})
}

// timed returns how long fn took, in ms.
func timed(fn func() error) (float64, error) {
	start := time.Now()
	err := fn()
	return float64(time.Since(start).Microseconds()) / 1000, err
}

// rowDelete deletes 1,000 objects with one request.
func (b *bench) rowDelete() error {
	const count = 1000
	var body strings.Builder
	body.WriteString("<Delete><Quiet>true</Quiet>")
	for i := range count {
		fmt.Fprintf(&body, "<Object><Key>delete/%06d</Key></Object>", i)
	}
	body.WriteString("</Delete>")
	sum := md5.Sum([]byte(body.String()))
	return b.compare(figure{what: "DeleteObjects of 1,000", unit: millis, aim: "≤ 60 ms"}, nil, func(t target, _ int) (float64, error) {
		_, _, err := send(b.ctx, t, 16, count, func(i int) request {
			return b.signed(http.MethodPut, bucket, fmt.Sprintf("delete/%06d", i), nil, coretest.Bytes(uint64(i), 4096))
		})
		if err != nil {
			return 0, err
		}
		r := b.signed(http.MethodPost, bucket, "", url.Values{"delete": {""}}, []byte(body.String()))
		r.header = "Content-MD5: " + base64.StdEncoding.EncodeToString(sum[:]) + "\r\n"
		took, _, err := send(b.ctx, t, 1, 1, func(int) request { return r })
		return float64(took.Microseconds()) / 1000, err
	})
}

// rowStart times starts of an empty store.
func (b *bench) rowStart() error {
	return b.compare(figure{what: "start, empty store: ready after", unit: millis, aim: "≤ 500 ms"}, nil, func(target, int) (float64, error) {
		err := b.restart(func() error { return nil })
		return float64(b.server.ready.Microseconds()) / 1000, err
	})
}

// rowIdle tells what a server takes after its start.
func (b *bench) rowIdle() error {
	for _, line := range []string{"VmRSS", "RssAnon"} {
		err := b.compare(figure{what: "idle memory, " + line, unit: mebibytes, aim: "≤ 60 MiB"}, nil, func(target, int) (float64, error) {
			return b.server.memory(line)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// rowList times first pages of listings over stores of growing size, and the start on the largest.
func (b *bench) rowList() error {
	sizes := []int{20_000, 100_000, 1_000_000}
	if b.quick {
		sizes = sizes[:2]
	}
	for _, size := range sizes {
		if err := b.restart(func() error { return fill(b.ctx, b.server.data, size) }); err != nil {
			return err
		}
		ready := b.server.ready
		flat, tree := fmt.Sprintf("flat-%d", size), fmt.Sprintf("tree-%d", size)
		what := fmt.Sprintf("first page of 1,000 of %d keys", size)
		if err := b.page(what, "≤ 2 ms", flat, nil, "<Key>"); err != nil {
			return err
		}
		what = fmt.Sprintf("1,000 common prefixes of %d keys", size)
		if err := b.page(what, "≤ 3 ms", tree, url.Values{"delimiter": {"/"}}, "<CommonPrefixes>"); err != nil {
			return err
		}
		if err := b.listMemory(flat, size); err != nil {
			return err
		}
		b.table.print(figure{
			what: fmt.Sprintf("start with %d objects: ready after", 2*size), unit: millis,
			value: float64(ready.Microseconds()) / 1000, aim: "≤ 5 s at 10 M",
		})
	}
	return nil
}

// page times one page of a listing, 20 times in each round, and checks how many items it has.
func (b *bench) page(what, aim, bucket string, query url.Values, item string) error {
	q := url.Values{"list-type": {"2"}, "max-keys": {"1000"}}
	maps.Copy(q, query)
	got, err := b.server.api.List(b.ctx, bucket, q)
	if err != nil {
		return err
	}
	if n := len(got.Contents) + len(got.CommonPrefixes); n != 1000 {
		return fmt.Errorf("%d items (%s), want 1000", n, item)
	}
	return b.compare(figure{what: what, unit: millis, aim: aim}, nil, func(t target, _ int) (float64, error) {
		var all []float64
		for range 20 {
			took, _, err := send(b.ctx, t, 1, 1, func(int) request { return b.signed(http.MethodGet, bucket, "", q, nil) })
			if err != nil {
				return 0, err
			}
			all = append(all, float64(took.Microseconds())/1000)
		}
		return median(all), nil
	})
}
