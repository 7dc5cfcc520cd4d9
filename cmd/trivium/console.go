package main

import (
	"bytes"
	"io"

	"github.com/rs/zerolog"
)

// console writes lines of the log for people: it is what a log buffer writes to when that is a terminal.
type console struct {
	to zerolog.ConsoleWriter
}

// newConsole makes one that writes to w.
func newConsole(w io.Writer, color bool) *console {
	return &console{zerolog.ConsoleWriter{
		Out: w, NoColor: !color, TimeFormat: "15:04:05",
		FieldsOrder:   []string{"status", "op", "method", "path", "ms", "in", "out", "principal", "code", "reason", "key", "cut"},
		FieldsExclude: []string{"door"},
	}}
}

// Write writes whole lines of JSON; one that is none stays as it is.
func (c *console) Write(lines []byte) (int, error) {
	for line := range bytes.Lines(lines) {
		if _, err := c.to.Write(line); err == nil {
			continue
		}
		if _, err := c.to.Out.Write(line); err != nil {
			return 0, err
		}
	}
	return len(lines), nil
}
