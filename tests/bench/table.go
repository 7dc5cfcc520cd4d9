package main

import (
	"fmt"
	"io"
	"slices"
)

// unit says how figures are printed, and whether more is better.
type unit struct {
	name string
	more bool
}

// The units.
var (
	perSecond = unit{"/s", true}
	megabytes = unit{"MB/s", true}
	millis    = unit{"ms", false}
	micros    = unit{"µs", false}
	mebibytes = unit{"MiB", false}
	percent   = unit{"%", false}
)

// figure is the median of some rounds.
type figure struct {
	what  string
	unit  unit
	value float64
	floor string  // name of the floor
	base  float64 // its median; 0: there is none
	aim   string  // of design §8
}

// table prints figures as they come.
type table struct{ w io.Writer }

func (t table) head() {
	fmt.Fprintf(t.w, "%-44s %14s   %-28s %8s   %s\n", "", "trivium", "floor", "ratio", "aim")
}

func (t table) print(f figure) {
	floor, ratio := "-", ""
	if f.base > 0 {
		floor = fmt.Sprintf("%s %.1f %s", f.floor, f.base, f.unit.name)
		ratio = fmt.Sprintf("%.2f", f.value/f.base)
	}
	fmt.Fprintf(t.w, "%-44s %9.1f %-4s   %-28s %8s   %s\n", f.what, f.value, f.unit.name, floor, ratio, f.aim)
}

// median of the values, which it sorts.
func median(values []float64) float64 {
	slices.Sort(values)
	if len(values) == 0 {
		return 0
	}
	return values[len(values)/2]
}
