package nativeapi_test

import (
	"crypto/tls"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"trivium/core/coretest"
	"trivium/nativeapi"
	"trivium/nativeapi/adminapi"
)

// remoteDoors are the handlers of a listener, on a Service with an administrator boss and a user ann, who both have
// the password "password of NAME" and the access key KEYNAME with the secret "secret of NAME".
func remoteDoors(t *testing.T) (admin, page http.Handler) {
	t.Helper()
	env := coretest.New(t, coretest.Options{})
	for _, name := range []string{"boss", "ann"} {
		u, err := env.Admin.CreateUser(t.Context(), name, "password of "+name, name == "boss")
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := env.Admin.CreateKey(t.Context(), u.ID, "KEY"+name, "secret of "+name); err != nil {
			t.Fatal(err)
		}
	}
	cfg := nativeapi.Config{Service: env.Service, Status: func() adminapi.Status { return adminapi.Status{} }}
	figures := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "figures") })
	return nativeapi.NewRemoteAdmin(cfg), nativeapi.Guard(cfg, func() string { return "token-of-sixteen" }, "Metrics", figures)
}

// from is a request from an address, over TLS or not, with a value of Authorization.
func from(addr string, secure bool, method, target, authorization string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader("{}"))
	r.RemoteAddr = addr
	if secure {
		r.TLS = new(tls.ConnectionState)
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	return r
}

// basic is a value of Authorization.
func basic(name, password string) string {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.SetBasicAuth(name, password)
	return r.Header.Get("Authorization")
}

const (
	here = "127.0.0.1:4711"
	far  = "192.0.2.7:4711"
	ask  = `Basic realm="trivium", charset="UTF-8"`
)

func TestRemoteAdmin(t *testing.T) {
	admin, _ := remoteDoors(t)
	for _, tt := range []struct {
		name, addr    string
		tls           bool
		authorization string
		status        int
		challenge     string
	}{
		{"administrator", here, false, basic("boss", "password of boss"), 200, ""},
		{"administrator far away", far, true, basic("boss", "password of boss"), 200, ""},
		{"access key", here, false, basic("KEYboss", "secret of boss"), 200, ""},
		{"user", here, false, basic("ann", "password of ann"), 403, ""},
		{"a user's access key", here, false, basic("KEYann", "secret of ann"), 403, ""},
		{"wrong password", here, false, basic("boss", "password of ann"), 401, ask},
		{"unknown name", here, false, basic("bob", "password of boss"), 401, ask},
		{"nobody", here, false, "", 401, ask},
		{"another scheme", here, false, "Bearer token-of-sixteen", 401, ask},
		{"a signature", here, false, "AWS4-HMAC-SHA256 Credential=x", 401, ask},
		{"broken", here, false, "Basic ###", 401, ask},
		{"in the clear", far, false, basic("boss", "password of boss"), 403, ""},
		{"nobody in the clear", far, false, "", 403, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			admin.ServeHTTP(w, from(tt.addr, tt.tls, http.MethodGet, adminapi.Prefix+adminapi.UserListCall, tt.authorization))
			if got := w.Header().Get("WWW-Authenticate"); w.Code != tt.status || got != tt.challenge {
				t.Errorf("%d %q %s, want %d %q", w.Code, got, w.Body, tt.status, tt.challenge)
			}
		})
	}
}

// Unknown names and wrong passwords are answered with the same words.
func TestRemoteAdminTellsNothing(t *testing.T) {
	admin, _ := remoteDoors(t)
	var bodies []string
	for _, who := range []string{"boss", "bob", "KEYboss", "KEYbob"} {
		w := httptest.NewRecorder()
		admin.ServeHTTP(w, from(here, false, http.MethodGet, adminapi.Prefix+adminapi.PingCall, basic(who, "wrong")))
		bodies = append(bodies, w.Body.String())
	}
	for _, b := range bodies {
		if b != bodies[0] {
			t.Errorf("answers differ: %q", bodies)
		}
	}
}

// A browser adds what it remembers to what any page sends; such requests change nothing.
func TestRemoteAdminFromPages(t *testing.T) {
	admin, _ := remoteDoors(t)
	for _, tt := range []struct {
		name   string
		header http.Header
		status int
	}{
		{"a program", http.Header{"Content-Type": {"application/json"}}, 400}, // it got to the body, which has no name
		{"its own page", http.Header{"Content-Type": {"application/json"}, "Sec-Fetch-Site": {"same-origin"}}, 400},
		{"another site", http.Header{"Content-Type": {"application/json"}, "Sec-Fetch-Site": {"cross-site"}}, 403},
		{"another origin", http.Header{"Content-Type": {"application/json"}, "Origin": {"https://evil.example"}}, 403},
		{"no type", http.Header{}, 415},
		{"a form", http.Header{"Content-Type": {"text/plain"}}, 415},
	} {
		r := from(here, false, http.MethodPost, adminapi.Prefix+adminapi.UserCreateCall, basic("boss", "password of boss"))
		maps.Copy(r.Header, tt.header)
		w := httptest.NewRecorder()
		if admin.ServeHTTP(w, r); w.Code != tt.status {
			t.Errorf("%s = %d %s, want %d", tt.name, w.Code, w.Body, tt.status)
		}
	}
}

func TestGuard(t *testing.T) {
	_, page := remoteDoors(t)
	for _, tt := range []struct {
		name, addr    string
		tls           bool
		authorization string
		status        int
		challenge     string
	}{
		{"administrator", here, false, basic("boss", "password of boss"), 200, ""},
		{"user", here, false, basic("ann", "password of ann"), 403, ""},
		{"token", here, false, "Bearer token-of-sixteen", 200, ""},
		{"token far away", far, true, "bearer token-of-sixteen", 200, ""},
		{"token in the clear", far, false, "Bearer token-of-sixteen", 403, ""},
		{"wrong token", here, false, "Bearer token-of-sixteem", 401, `Bearer realm="trivium", error="invalid_token"`},
		{"empty token", here, false, "Bearer ", 401, `Bearer realm="trivium", error="invalid_token"`},
		{"nobody", here, false, "", 401, ask},
	} {
		w := httptest.NewRecorder()
		page.ServeHTTP(w, from(tt.addr, tt.tls, http.MethodGet, "/-/metrics", tt.authorization))
		if got := w.Header().Get("WWW-Authenticate"); w.Code != tt.status || got != tt.challenge || (w.Body.String() == "figures") != (tt.status == 200) {
			t.Errorf("%s = %d %q %s, want %d %q", tt.name, w.Code, got, w.Body, tt.status, tt.challenge)
		}
	}
}

// Without a token there is none that fits.
func TestGuardWithoutToken(t *testing.T) {
	env := coretest.New(t, coretest.Options{})
	page := nativeapi.Guard(nativeapi.Config{Service: env.Service}, func() string { return "" }, "Metrics", http.NotFoundHandler())
	for _, authorization := range []string{"Bearer", "Bearer ", "Bearer x"} {
		w := httptest.NewRecorder()
		if page.ServeHTTP(w, from(here, false, http.MethodGet, "/-/metrics", authorization)); w.Code != http.StatusUnauthorized {
			t.Errorf("%q = %d, want 401", authorization, w.Code)
		}
	}
}

// TestRetryAfterFailedLogins: the header says what the message says.
func TestRetryAfterFailedLogins(t *testing.T) {
	admin, _ := remoteDoors(t)
	for range 1000 { // a slow machine forgets failures meanwhile
		w := httptest.NewRecorder()
		admin.ServeHTTP(w, from(far, true, http.MethodGet, adminapi.Prefix+adminapi.UserListCall, basic("bob", "wrong")))
		if w.Code == http.StatusUnauthorized {
			continue
		}
		after := w.Header().Get("Retry-After")
		if w.Code != http.StatusTooManyRequests || after == "" || !strings.Contains(w.Body.String(), "try again in "+after+"s") {
			t.Errorf("%d, Retry-After %q: %s", w.Code, after, w.Body)
		}
		return
	}
	t.Error("no login was refused")
}
