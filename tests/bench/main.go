// Command bench measures the real server beside floors: bare net/http servers of the same program that do only the
// physical work, without authentication and metadata. One load generator sends both the same pre-signed requests
// at the same concurrency, in turn (A B A B); what is printed are medians and ratios. It never asserts times.
//
//	go run ./tests/bench [-quick] [-only put4k,list] [-rounds 3] [-dir DIR] [-against BINARY]
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"testing"
)

// options are the flags.
type options struct {
	quick   bool
	only    string
	rounds  int
	dir     string
	against string
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == "floor" {
		exit(serveFloor(os.Args[2]))
	}
	var o options
	flag.BoolVar(&o.quick, "quick", false, "small counts: a few minutes")
	flag.StringVar(&o.only, "only", "", "names of the rows to measure, comma-separated; empty: all of "+strings.Join(rowNames(), ","))
	flag.IntVar(&o.rounds, "rounds", 3, "rounds of each row")
	flag.StringVar(&o.dir, "dir", "", "directory for the data, on the disk to be measured; empty: a temporary one")
	flag.StringVar(&o.against, "against", "", "another build of trivium, which the rows of WebDAV and of the native API measure too")
	testing.Init() // the rows in memory run as benchmarks do
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	exit(run(ctx, o))
}

// exit ends the program with err, if any.
func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// run measures the rows and prints each as it is done.
func run(ctx context.Context, o options) (err error) {
	dir, err := os.MkdirTemp(o.dir, "trivium-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b, err := newBench(ctx, o, dir)
	if err != nil {
		return err
	}
	defer b.stop()
	b.table.head()
	for _, r := range rows() {
		if o.only != "" && !strings.Contains(","+o.only+",", ","+r.name+",") {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.run(b); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
	}
	return nil
}
