package main

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
)

// TestClientsFaultsAreNoErrors: what the client did wrong is in the log of requests, not among the errors.
func TestClientsFaultsAreNoErrors(t *testing.T) {
	for status, want := range map[int]string{
		http.StatusNotFound: "", http.StatusBadGateway: "level=DEBUG", http.StatusNotImplemented: "level=DEBUG",
		http.StatusInsufficientStorage: "level=WARN", http.StatusInternalServerError: "level=ERROR",
	} {
		var out bytes.Buffer
		st := &store{log: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))}
		st.observe(t.Context(), failure{op: "Copy", status: status, err: errors.New("wrong")})
		if got := out.String(); !strings.Contains(got, want) || (want == "") != (got == "") {
			t.Errorf("status %d is logged as %q, want %s", status, got, want)
		}
	}
}
