package main

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/rs/zerolog"

	"trivium/server"
)

// TestHealthIsTheServers: system/health is for everybody, and so it asks the server, which remembers, not the store.
func TestHealthIsTheServers(t *testing.T) {
	d := open(t, filepath.Join(t.TempDir(), "data"))
	c := &config{data: d.path}
	st, err := openStore(t.Context(), c, d, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = st.close(t.Context()) }()
	srv, err := server.Listen(t.Context(), server.Config{Address: "127.0.0.1:0", Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = srv.Close() }()
	doors, err := newDoors(st, c, srv, new(scrapeToken))
	if err != nil {
		t.Fatal(err)
	}
	health := func() int {
		w := httptest.NewRecorder()
		doors.Native.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/v1/system/health", nil))
		return w.Code
	}
	if got := health(); got != http.StatusServiceUnavailable {
		t.Errorf("health before the doors are open = %d, want 503", got)
	}
	srv.Open(doors)
	for health() != http.StatusOK { // which the store is as soon as its space is up
		if t.Context().Err() != nil {
			t.Fatal("health was never 200")
		}
	}
}
