package client

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// quiet is a log that nobody reads.
var quiet = slog.New(slog.DiscardHandler)

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
		{500, strings.Repeat("x", 2000), "status 500: " + strings.Repeat("x", 200), ""},
		{502, "<html>\n<b>no</b>\n", "status 502: <html>", ""},
		{503, "", "status 503: ", ""},
	} {
		err := InProcess(answering(tt.status, tt.text), quiet).Ping(t.Context())
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Error() != tt.want || e.Status != tt.status || e.Code != tt.code {
			t.Errorf("answer %d %.80s = %#v, want %q of code %q", tt.status, tt.text, err, tt.want, tt.code)
		}
	}
	if err := InProcess(answering(200, "{"), quiet).Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "read the answer") {
		t.Errorf("an answer that is no JSON = %v", err)
	}
	if err := InProcess(answering(200, `{"code":"OK","data":{}}`), quiet).Ping(t.Context()); err != nil {
		t.Errorf("Ping = %v", err)
	}
}

// TestPanics: a fault of a handler of this process is told and logged; an answer that is cut is no fault of the program.
func TestPanics(t *testing.T) {
	for _, tt := range []struct {
		what      any
		begun     bool
		want, log string
	}{
		{"boom", false, "internal error, of which the log has more: boom", "TestPanics"},
		{errors.New("boom"), true, "internal error, of which the log has more: boom", "TestPanics"},
		{http.ErrAbortHandler, true, "unexpected EOF", ""},
	} {
		var out bytes.Buffer
		err := InProcess(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if tt.begun {
				_, _ = w.Write([]byte("{"))
			}
			panic(tt.what)
		}), slog.New(slog.NewTextHandler(&out, nil))).Ping(t.Context())
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("panic %v = %v, want %q", tt.what, err, tt.want)
		}
		if got := out.String(); !strings.Contains(got, tt.log) || (tt.log == "") != (got == "") {
			t.Errorf("panic %v is logged as %q", tt.what, got)
		}
	}
}

func TestNobodyListens(t *testing.T) {
	err := Dial(filepath.Join(t.TempDir(), "none")).Ping(t.Context())
	if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOENT) {
		t.Errorf("Ping of nobody = %v, want ErrNotExist", err)
	}
}

func TestRemote(t *testing.T) {
	for _, bad := range []string{
		"", "store:7070", "https://", "ftp://store", "https://store/path", "https://store?x", "https://store#x", "https://a:b@store",
		"http://store:7070", "http://192.0.2.1:7070", "http://localhost.example.com", "http://127.0.0.1.example.com",
	} {
		if _, err := Remote(bad, "boss", "secret word"); err == nil || strings.Contains(err.Error(), "secret word") {
			t.Errorf("Remote(%q) = %v, want an error without the password", bad, err)
		}
	}
	for _, good := range []string{"https://store", "https://192.0.2.1:7070/", "http://localhost:1", "http://127.9.9.9:1", "http://[::1]:1"} {
		if _, err := Remote(good, "boss", "secret word"); err != nil {
			t.Errorf("Remote(%q) = %v, want nil", good, err)
		}
	}
}

// Texts are sent as they are, what numbers they may look like; what is not set is left out.
func TestValues(t *testing.T) {
	for want, got := range map[string]string{
		"a=0":            values("a", "0").Encode(),
		"a=false":        values("a", "false", "b", false, "c", 0, "d", int64(0), "e", "").Encode(),
		"a=1&b=true&c=x": values("a", 1, "b", true, "c", "x").Encode(),
	} {
		if got != want {
			t.Errorf("values = %q, want %q", got, want)
		}
	}
}

// Credentials go to the server that was named, and do not follow a redirect.
func TestRemoteFollowsNothing(t *testing.T) {
	var name, password string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/admin/ping" {
			name, password, _ = r.BasicAuth()
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
			return
		}
		t.Errorf("it went on to %s", r.URL.Path)
	}))
	defer s.Close()
	c, err := Remote(s.URL, "boss", "secret word")
	if err != nil {
		t.Fatal(err)
	}
	err = c.Ping(t.Context())
	if e, ok := errors.AsType[*Error](err); !ok || e.Status != http.StatusTemporaryRedirect {
		t.Errorf("Ping = %v, want the redirect as an error", err)
	}
	if name != "boss" || password != "secret word" {
		t.Errorf("the server was told %q, %q", name, password)
	}
}

// TestRemoteErrors: what stands between a command and its server is named, with the next step, in one line.
func TestRemoteErrors(t *testing.T) {
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("<!doctype html>\x1b[31m\n<title>router</title>\n" + strings.Repeat("x", 2000)))
	})
	plain, secure := httptest.NewServer(page), httptest.NewUnstartedServer(page)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer plain.Close()
	defer secure.Close()
	gone := httptest.NewServer(page)
	gone.Close()
	for name, tt := range map[string]struct{ url, want string }{
		"unknown authority": {secure.URL, "SSL_CERT_FILE"},
		"nobody":            {gone.URL, "is the server running there?"},
		"http for https":    {"http" + strings.TrimPrefix(secure.URL, "https"), "use https://127.0.0.1:"},
		"https for http":    {"https" + strings.TrimPrefix(plain.URL, "http"), "use http://"},
		"no Trivium":        {plain.URL, "is no Trivium, or a proxy before it (status 200: <!doctype html>"},
	} {
		c, err := Remote(tt.url, "boss", "secret word")
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Users(t.Context())
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "127.0.0.1:") {
			t.Errorf("%s: %v, want %q and the address", name, err, tt.want)
		}
		if err != nil && (strings.ContainsAny(err.Error(), "\n\x1b") || strings.Contains(err.Error(), "secret word") || len(err.Error()) > 500) {
			t.Errorf("%s: %q is more than one line of text", name, err)
		}
		c.http.CloseIdleConnections()
	}
}
