package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

func TestConsole(t *testing.T) {
	var out bytes.Buffer
	c := newConsole(&out, false)
	log := zerolog.New(c)
	log.Info().Str("req", "ID1").Str("door", "s3").Str("op", "PutObject").Str("method", "PUT").Str("path", "/b/k").Int("status", 200).Msg("request")
	log.Warn().Str("error", "a\x1b[2Jb\nc").Msg("something is wrong")
	n, err := c.Write([]byte("{\"level\":\"info\",\"message\":\"one\"}\n{\"level\":\"error\",\"message\":\"two\"}\nno JSON\n"))
	if err != nil || n != 75 {
		t.Errorf("Write = %d, %v", n, err)
	}
	want := []string{
		"<nil> INF request status=200 op=PutObject method=PUT path=/b/k req=ID1",
		`<nil> WRN something is wrong error="a\x1b[2Jb\nc"`,
		"<nil> INF one",
		"<nil> ERR two",
		"no JSON",
	}
	if got := strings.Split(strings.TrimSpace(out.String()), "\n"); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
