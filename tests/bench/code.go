package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// codeRow is one benchmark of Go that is shown in the table.
type codeRow struct {
	name, what, floor string // benchmark, what it is here, and the benchmark that it is compared with
	unit              string // of the benchmark's report
}

func codeRows() []codeRow {
	return []codeRow{
		{"VerifyHeader", "SigV4 in the header", "", "ns/op"},
		{"VerifyPresigned", "SigV4 in the query", "", "ns/op"},
		{"Route", "path, query and operation", "", "ns/op"},
		{"Door/head", "HEAD through the door", "", "cpu-ns/op"},
		{"Door/get4k", "GET 4 KiB through the door", "", "cpu-ns/op"},
		{"Door/put4k", "PUT 4 KiB through the door", "", "cpu-ns/op"},
		{"Door/list", "page of 1,000 keys through the door", "", "cpu-ns/op"},
		{"Listing", "XML of a page of 1,000 keys", "ListingFloor", "MB/s"},
		{"ParseCompletion", "XML of a completion of 10,000 parts", "", "MB/s"},
		{"ChunkReader/unsigned", "aws-chunked framing", "", "MB/s"},
		{"ChunkReader/signed", "aws-chunked framing, signed", "", "MB/s"},
		{"Upload/hashed", "PUT 16 MiB through the door, hashed", "Upload/plain", "cpu-ns/op"},
		{"Upload/chunks_unsigned_trailer", "same, aws-chunked with a trailer", "Upload/plain", "cpu-ns/op"},
		{"Upload/chunks_signed", "same, aws-chunked signed", "Upload/plain", "cpu-ns/op"},
		{"Upload/chunks_signed_trailer", "same, signed with a trailer", "Upload/plain", "cpu-ns/op"},
	}
}

// rowCode runs benchmarks of the S3 door's code in memory, without HTTP: what each step of a request costs.
func (b *bench) rowCode() error {
	values, err := b.goBench("./s3front/...")
	if err != nil {
		return err
	}
	for _, r := range codeRows() {
		got, ok := values[r.name]
		if !ok {
			return fmt.Errorf("no benchmark %s", r.name)
		}
		f := figure{what: r.what, unit: megabytes, value: median(got[r.unit])}
		if r.floor != "" {
			f.floor, f.base = r.floor, median(values[r.floor][r.unit])
		}
		if r.unit != "MB/s" {
			f.unit, f.value, f.base = micros, f.value/1000, f.base/1000
		}
		f.aim = fmt.Sprintf("%.0f allocations", median(got["allocs/op"]))
		b.table.print(f)
	}
	return nil
}

// goBench runs the benchmarks of packages and returns what each reported, by its name and by unit.
func (b *bench) goBench(packages string) (map[string]map[string][]float64, error) {
	pattern := map[string]bool{}
	for _, r := range codeRows() {
		name, _, _ := strings.Cut(r.name, "/")
		pattern[name] = true
	}
	names := []string{"ListingFloor"}
	for name := range pattern {
		names = append(names, name)
	}
	cmd := exec.CommandContext(b.ctx, "go", "test", "-run", "xxx", "-bench", "^Benchmark("+strings.Join(names, "|")+")$",
		"-benchtime", fmt.Sprintf("%dms", b.pick(500, 100)), "-count", strconv.Itoa(b.rounds), packages)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("go test: %w\n%s", err, out)
	}
	values := map[string]map[string][]float64{}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name := strings.TrimPrefix(fields[0], "Benchmark")
		if i := strings.LastIndexByte(name, '-'); i > 0 {
			name = name[:i] // the number of processors
		}
		if values[name] == nil {
			values[name] = map[string][]float64{}
		}
		for i := 2; i+1 < len(fields); i += 2 {
			v, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return nil, fmt.Errorf("%q: %w", lines.Text(), err)
			}
			values[name][fields[i+1]] = append(values[name][fields[i+1]], v)
		}
	}
	return values, nil
}
