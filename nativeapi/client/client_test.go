package client

import (
	"errors"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// answering is a handler with one answer.
func answering(status int, text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		w.WriteHeader(http.StatusTeapot) // the first one counts
		_, _ = w.Write([]byte(text))
	})
}

func TestErrors(t *testing.T) {
	for _, tt := range []struct {
		status     int
		text       string
		want, code string
	}{
		{404, `{"code":"DataNotFound","message":"no such user","data":null,"requestId":"ID1"}`, "no such user (request ID1)", "DataNotFound"},
		{404, `{"code":"DataNotFound","message":"no such user","data":null}`, "no such user", "DataNotFound"},
		{404, "no such page\n", "status 404: no such page", ""},
		{500, strings.Repeat("x", 2000), "status 500: " + strings.Repeat("x", 500), ""},
		{503, "", "status 503: ", ""},
	} {
		err := InProcess(answering(tt.status, tt.text)).Ping(t.Context())
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Error() != tt.want || e.Status != tt.status || e.Code != tt.code {
			t.Errorf("answer %d %.80s = %#v, want %q of code %q", tt.status, tt.text, err, tt.want, tt.code)
		}
	}
	if err := InProcess(answering(200, "{")).Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "read the answer") {
		t.Errorf("an answer that is no JSON = %v", err)
	}
	if err := InProcess(answering(200, `{"code":"OK","data":{}}`)).Ping(t.Context()); err != nil {
		t.Errorf("Ping = %v", err)
	}
}

func TestNobodyListens(t *testing.T) {
	err := Dial(filepath.Join(t.TempDir(), "none")).Ping(t.Context())
	if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOENT) {
		t.Errorf("Ping of nobody = %v, want ErrNotExist", err)
	}
}
