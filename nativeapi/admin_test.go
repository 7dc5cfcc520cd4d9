package nativeapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trivium/core"
	"trivium/core/coretest"
	"trivium/nativeapi"
	"trivium/nativeapi/adminapi"
	"trivium/nativeapi/client"
)

// setup is the door on a real Service.
type setup struct {
	env    *coretest.Env
	door   http.Handler
	client *client.Client
	events []nativeapi.Event
	notes  []string
	failed error // of Collect and Doctor
}

func newSetup(t *testing.T) *setup {
	t.Helper()
	s := &setup{env: coretest.New(t, coretest.Options{})}
	s.door = nativeapi.NewAdmin(nativeapi.Config{
		Service: s.env.Service,
		Status:  func() adminapi.Status { return adminapi.Status{Version: "v1"} },
		Collect: func(_ context.Context, now bool) (adminapi.Collected, error) {
			if now {
				return adminapi.Collected{Blobs: 7}, s.failed
			}
			return adminapi.Collected{Waiting: 7}, s.failed
		},
		Doctor: func(_ context.Context, deep bool) (adminapi.Examined, error) {
			return adminapi.Examined{Checks: []adminapi.Check{{Name: fmt.Sprintf("deep %v", deep)}}}, s.failed
		},
		Scrub: func(_ context.Context, deep bool) (adminapi.Scrubbed, error) {
			if deep {
				return adminapi.Scrubbed{Corrupt: 7}, s.failed
			}
			return adminapi.Scrubbed{Missing: 7}, s.failed
		},
		Repair:    func(context.Context) (adminapi.Repaired, error) { return adminapi.Repaired{Shards: 7}, s.failed },
		Progress:  func() adminapi.Progress { return adminapi.Progress{Work: adminapi.ScrubCall, Done: 3, Total: 7} },
		RequestID: func(context.Context) string { return "ID1" },
		Note:      func(_ context.Context, principal, op string) { s.notes = append(s.notes, principal+" "+op) },
		Observe:   func(_ context.Context, e nativeapi.Event) { s.events = append(s.events, e) },
	})
	s.client = client.InProcess(s.door, slog.New(slog.DiscardHandler))
	return s
}

// send makes a request and returns status and body.
func (s *setup) send(t *testing.T, method, path, body string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	s.door.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	if got := w.Header().Get("Content-Type"); got != "application/json" {
		t.Errorf("%s %s: Content-Type %q", method, path, got)
	}
	return w.Code, w.Body.String()
}

func TestUsers(t *testing.T) {
	s, ctx := newSetup(t), t.Context()
	ann, err := s.client.CreateUser(ctx, adminapi.NewUser{Name: "ann", Password: "password of ann"})
	if err != nil || ann.Name != "ann" || ann.Admin || ann.ID == 0 {
		t.Fatalf("CreateUser = %+v, %v", ann, err)
	}
	if _, err := s.client.CreateUser(ctx, adminapi.NewUser{Name: "bob", Admin: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.env.Service.Login(ctx, "ann", "password of ann"); err != nil {
		t.Errorf("login of a new user: %v", err)
	}
	if err := s.client.SetUserPassword(ctx, "ann", "another password"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.env.Service.Login(ctx, "ann", "another password"); err != nil {
		t.Errorf("login with the new password: %v", err)
	}
	if err := s.client.SetUserDisabled(ctx, "ann", true); err != nil {
		t.Fatal(err)
	}
	if _, err := s.env.Service.Login(ctx, "ann", "another password"); core.CodeOf(err) != core.Unauthorized {
		t.Errorf("login of a disabled user = %v, want Unauthorized", err)
	}
	users, err := s.client.Users(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, u := range users {
		got = append(got, fmt.Sprintf("%s %v %v", u.Name, u.Admin, u.Disabled))
	}
	if diff := cmp.Diff([]string{"ann false true", "bob true false", "admin true false"}, got); diff != "" {
		t.Errorf("users (-want +got):\n%s", diff)
	}
	if err := s.client.SetUserDisabled(ctx, "ann", false); err != nil {
		t.Fatal(err)
	}
	if _, err := s.env.Service.Login(ctx, "ann", "another password"); err != nil {
		t.Errorf("login of a user who is let in again: %v", err)
	}
	if err := errors.Join(s.client.DeleteUser(ctx, "ann"), s.client.SetUserDisabled(ctx, "admin", true)); err != nil {
		t.Fatal(err)
	}
	if err := s.client.DeleteUser(ctx, "ann"); err == nil || !strings.Contains(err.Error(), "there is no such user") {
		t.Errorf("deleting a user who is gone = %v", err)
	}
	for name, call := range map[string]func() error{
		"delete":  func() error { return s.client.DeleteUser(ctx, "bob") },
		"disable": func() error { return s.client.SetUserDisabled(ctx, "bob", true) },
	} {
		if e, ok := errors.AsType[*client.Error](call()); !ok || e.Code != "Conflict" || !strings.Contains(e.Message, "last administrator") {
			t.Errorf("%s the last administrator: %v", name, e)
		}
	}
	if got := s.notes[0]; got != "operator CreateUser" {
		t.Errorf("noted %q", got)
	}
}

// TestUserToken: the operator gets a token of any user's, as user/login gives, until the user changes.
func TestUserToken(t *testing.T) {
	s, ctx := newSetup(t), t.Context()
	for _, name := range []string{"ann", "bob"} {
		if _, err := s.client.CreateUser(ctx, adminapi.NewUser{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.client.UserToken(ctx, "ann")
	if left := time.Until(got.ExpireTime); err != nil || got.User != "ann" || left < 23*time.Hour || left > 24*time.Hour {
		t.Fatalf("UserToken = %+v, %v", got, err)
	}
	p, err := s.env.Service.TokenPrincipal(ctx, got.Token, core.TokenUse{})
	if err != nil || p.Name != "ann" || p.Admin {
		t.Errorf("the token is of %+v, %v", p, err)
	}
	if err := errors.Join(s.client.SetUserPassword(ctx, "ann", "password of ann"), s.client.SetUserDisabled(ctx, "bob", true)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.env.Service.TokenPrincipal(ctx, got.Token, core.TokenUse{}); core.CodeOf(err) != core.Unauthorized {
		t.Errorf("the token after another password = %v, want Unauthorized", err)
	}
	for name, code := range map[string]string{"nobody": "DataNotFound", "bob": "Conflict", "": "BadArgument"} {
		_, err := s.client.UserToken(ctx, name)
		if e, ok := errors.AsType[*client.Error](err); !ok || e.Code != code {
			t.Errorf("UserToken(%q) = %v, want %s", name, err, code)
		}
	}
}

func TestPages(t *testing.T) {
	s, ctx := newSetup(t), t.Context()
	for i := range 5 {
		name := fmt.Sprintf("user%d", i)
		if _, err := s.client.CreateUser(ctx, adminapi.NewUser{Name: name}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.client.CreateBucket(ctx, adminapi.NewBucket{Name: "bucket-" + name, Owner: name}); err != nil {
			t.Fatal(err)
		}
	}
	after, n := "0", 0
	for range 3 {
		var page adminapi.Answer[adminapi.UserPage]
		_, body := s.send(t, http.MethodGet, adminapi.Prefix+"user/list?limit=2&after="+after, "")
		if err := json.Unmarshal([]byte(body), &page); err != nil {
			t.Fatal(err)
		}
		n += len(page.Data.Users)
		if page.Data.IsTruncated != (n < 6) {
			t.Errorf("after %d of 6 users: truncated = %v", n, page.Data.IsTruncated)
		}
		after = fmt.Sprint(page.Data.Users[len(page.Data.Users)-1].ID)
	}
	if n != 6 {
		t.Errorf("3 pages have %d users, want 6", n)
	}
	var page adminapi.Answer[adminapi.BucketPage]
	_, body := s.send(t, http.MethodGet, adminapi.Prefix+"bucket/list?limit=2&after=bucket-user1", "")
	if err := json.Unmarshal([]byte(body), &page); err != nil {
		t.Fatal(err)
	}
	if b := page.Data.Buckets; !page.Data.IsTruncated || len(b) != 2 || b[0].Name != "bucket-user2" || b[0].Owner != "user2" {
		t.Errorf("page of buckets = %+v", page.Data)
	}
}

func TestKeys(t *testing.T) {
	s, ctx := newSetup(t), t.Context()
	if _, err := s.client.CreateUser(ctx, adminapi.NewUser{Name: "ann"}); err != nil {
		t.Fatal(err)
	}
	given, err := s.client.CreateKey(ctx, adminapi.NewKey{User: "ann", AccessKey: "KEYOFANN", SecretKey: "secret of ann"})
	if err != nil || given != (adminapi.KeyPair{AccessKey: "KEYOFANN", SecretKey: "secret of ann", User: "ann"}) {
		t.Fatalf("CreateKey = %+v, %v", given, err)
	}
	drawn, err := s.client.CreateKey(ctx, adminapi.NewKey{User: "admin"})
	if err != nil || drawn.AccessKey == "" || len(drawn.SecretKey) != 40 {
		t.Fatalf("CreateKey = %+v, %v, want a drawn pair", drawn, err)
	}
	c, err := s.env.Service.KeyCredentials(ctx, "KEYOFANN")
	if err != nil || c.Secret != "secret of ann" || c.Principal.Name != "ann" {
		t.Errorf("credentials = %v, %v", c, err)
	}
	for user, want := range map[string]int{"": 2, "ann": 1} {
		keys, err := s.client.Keys(ctx, user)
		if err != nil || len(keys) != want {
			t.Errorf("keys of %q = %+v, %v, want %d", user, keys, err, want)
		}
	}
	if _, body := s.send(t, http.MethodGet, adminapi.Prefix+"key/list", ""); strings.Contains(body, "secret") {
		t.Errorf("a list shows secrets: %s", body)
	}
	if err := s.client.RevokeKey(ctx, "KEYOFANN"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.env.Service.KeyCredentials(ctx, "KEYOFANN"); core.CodeOf(err) != core.Unauthorized {
		t.Errorf("credentials of a revoked key = %v, want Unauthorized", err)
	}
}

func TestBuckets(t *testing.T) {
	s, ctx := newSetup(t), t.Context()
	b, err := s.client.CreateBucket(ctx, adminapi.NewBucket{Name: "first", Owner: "admin"})
	if err != nil || b.Name != "first" || b.Owner != "admin" || b.Versioning != "off" {
		t.Fatalf("CreateBucket = %+v, %v", b, err)
	}
	if _, err := s.env.Admin.PutObject(ctx, "first", "key", strings.NewReader("content"), 7, core.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := s.client.DeleteBucket(ctx, "first", false); !isCode(err, http.StatusConflict, "Conflict") {
		t.Errorf("delete a full bucket = %v, want Conflict", err)
	}
	all, err := s.client.Buckets(ctx)
	if err != nil || len(all) != 1 || all[0].Objects != 1 || all[0].Bytes != 7 {
		t.Errorf("buckets = %+v, %v, want one of 1 object, 7 bytes", all, err)
	}
	if err := s.client.DeleteBucket(ctx, "first", true); err != nil {
		t.Errorf("delete with force: %v", err)
	}
	if all, err := s.client.Buckets(ctx); err != nil || len(all) != 0 {
		t.Errorf("buckets = %+v, %v, want none", all, err)
	}
}

func isCode(err error, status int, code string) bool {
	e, ok := errors.AsType[*client.Error](err)
	return ok && e.Status == status && e.Code == code && e.RequestID == "ID1"
}

func TestUpkeepCalls(t *testing.T) {
	s, ctx := newSetup(t), t.Context()
	for now, want := range map[bool]adminapi.Collected{false: {Waiting: 7}, true: {Blobs: 7}} {
		if got, err := s.client.Collect(ctx, now); err != nil || got != want {
			t.Errorf("Collect(%v) = %+v, %v, want %+v", now, got, err, want)
		}
	}
	for deep, want := range map[bool]adminapi.Scrubbed{false: {Missing: 7}, true: {Corrupt: 7}} {
		if got, err := s.client.Scrub(ctx, deep); err != nil || !cmp.Equal(got, want) {
			t.Errorf("Scrub(%v) = %+v, %v, want %+v", deep, got, err, want)
		}
	}
	if got, err := s.client.Repair(ctx); err != nil || got.Shards != 7 {
		t.Errorf("Repair = %+v, %v", got, err)
	}
	if got, err := s.client.Progress(ctx); err != nil || got != (adminapi.Progress{Work: "scrub", Done: 3, Total: 7}) {
		t.Errorf("Progress = %+v, %v", got, err)
	}
	if got, err := s.client.Doctor(ctx, true); err != nil || len(got.Checks) != 1 || got.Checks[0].Name != "deep true" {
		t.Errorf("Doctor = %+v, %v", got, err)
	}
	if got, err := s.client.Status(ctx); err != nil || got.Version != "v1" || len(got.StoreID) != 32 || !got.Ready {
		t.Errorf("Status = %+v, %v", got, err)
	}
	if err := s.client.Ping(ctx); err != nil {
		t.Errorf("Ping = %v", err)
	}
	s.failed = errors.New("a detail for the log")
	_, err := s.client.Collect(ctx, false)
	if !isCode(err, http.StatusInternalServerError, "OperationFailed") || strings.Contains(err.Error(), "detail") {
		t.Errorf("Collect that fails = %v, want OperationFailed without details", err)
	}
	if n := len(s.events); n != 1 || !errors.Is(s.events[0].Err, s.failed) || s.events[0].Op != "Collect" {
		t.Errorf("observed %+v, want the cause", s.events)
	}
}

func TestRefusals(t *testing.T) {
	s := newSetup(t)
	for _, tt := range []struct {
		method, path, body string
		status             int
		code, message      string // the message has this
	}{
		{"POST", "user/create", `{"name":"ann","pasword":"geheim12"}`, 400, "BadArgument", "pasword: unknown field: did you mean password?"},
		{"POST", "user/create", `{"Name":"ann"}`, 400, "BadArgument", "Name: unknown field: did you mean name?"},
		{"POST", "user/create", `{"name":"ann","name":"bob"}`, 400, "BadArgument", "name: the field is there twice"},
		{"POST", "user/create", `{"name":1}`, 400, "BadArgument", "name: it must be a string"},
		{"POST", "user/create", `{"name":"ann","admin":"yes"}`, 400, "BadArgument", "admin: it must be a boolean"},
		{"POST", "user/create", `{"name":"ann"} {}`, 400, "BadArgument", "no JSON object"},
		{"POST", "user/create", `{"name":"ann"`, 400, "BadArgument", "no JSON object"},
		{"POST", "user/create", `["ann"]`, 400, "BadArgument", "no JSON object"},
		{"POST", "user/create", ``, 400, "BadArgument", "no JSON object"},
		{"POST", "user/create", `{"name":"` + strings.Repeat("x", 70000) + `"}`, 400, "BadArgument", "longer than 65536 bytes"},
		{"POST", "user/create", `{"name":` + strings.Repeat("[", 30000), 400, "BadArgument", "no JSON object"},
		{"POST", "user/create", `{"` + strings.Repeat("x", 30000) + `":1}`, 400, "BadArgument", "...: unknown field: there are name, "},
		{"POST", "user/create", `{"name":"a:b"}`, 400, "BadArgument", "name: a user name is"},
		{"POST", "user/create", `{"name":"ann","password":"short"}`, 400, "BadArgument", "password: it must have 8"},
		{"POST", "user/create", `{"name":"admin"}`, 409, "DataExists", "admin: there is a user of this name already"},
		{"POST", "user/setDisabled", `{"name":"nobody"}`, 404, "DataNotFound", "nobody: there is no such user"},
		{"POST", "user/setDisabled", `{}`, 400, "BadArgument", "name of the user is missing"},
		{"POST", "user/setPassword", `{"name":"admin"}`, 400, "BadArgument", "password: it is missing"},
		{"POST", "user/setPassword", `{"name":"nobody","password":"password"}`, 404, "DataNotFound", "nobody"},
		{"GET", "user/list?limit=0", "", 400, "BadArgument", "limit: 0: it must be a number from 1 to 1000"},
		{"GET", "user/list?limit=1001", "", 400, "BadArgument", "limit: 1001"},
		{"GET", "user/list?after=x", "", 400, "BadArgument", "after: x: it must be"},
		{"GET", "user/list?limt=1", "", 400, "BadArgument", "limt: unknown parameter: did you mean limit?"},
		{"GET", "user/list?limit=1&limit=2", "", 400, "BadArgument", "limit: the parameter is there twice"},
		{"GET", "user/list?a=%zz", "", 400, "BadArgument", "the query cannot be read"},
		{"GET", "status?x=1", "", 400, "BadArgument", "x: this call has no parameters"},
		{"POST", "user/list", "{}", 405, "BadArgument", "this call is a GET"},
		{"GET", "gc", "", 405, "BadArgument", "this call is a POST"},
		{"GET", "user/lst", "", 404, "DataNotFound", "did you mean /v1/admin/user/list?"},
		{"GET", strings.Repeat("x", 5000), "", 404, "DataNotFound", "there is no such call"},
		{"GET", "key/list?user=nobody", "", 404, "DataNotFound", "nobody"},
		{"POST", "key/create", `{"user":"nobody"}`, 404, "DataNotFound", "nobody"},
		{"POST", "key/create", `{"user":"admin","secretKey":"secret of nobody"}`, 400, "BadArgument", "give both or none"},
		{"POST", "key/create", `{"user":"admin","accessKey":"a b"}`, 400, "BadArgument", "accessKey: it must have"},
		{"POST", "key/revoke", `{"accessKey":"NOKEY"}`, 404, "DataNotFound", "NOKEY: there is no such access key"},
		{"POST", "bucket/create", `{"name":"bad_name","owner":"admin"}`, 400, "BadArgument", "lower-case letters"},
		{"POST", "bucket/create", `{"name":"good-name","owner":"nobody"}`, 404, "DataNotFound", "nobody"},
		{"POST", "bucket/create", `{"name":"good-name"}`, 400, "BadArgument", "name of the user is missing"},
		{"POST", "bucket/delete", `{"name":"nothing"}`, 404, "DataNotFound", "nothing: there is no such bucket"},
	} {
		status, body := s.send(t, tt.method, adminapi.Prefix+tt.path, tt.body)
		var got adminapi.Answer[any]
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatalf("%s %s: %v in %s", tt.method, tt.path, err, body)
		}
		if status != tt.status || got.Code != tt.code || !strings.Contains(got.Message, tt.message) || got.RequestID != "ID1" || got.Data != nil {
			t.Errorf("%s %.40s %.60s = %d %s, want %d %s %q", tt.method, tt.path, tt.body, status, body, tt.status, tt.code, tt.message)
		}
		if len(body) > 1000 || strings.Contains(body, "geheim12") {
			t.Errorf("%s %.40s: the answer repeats what was sent: %.100s", tt.method, tt.path, body)
		}
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, adminapi.Prefix+"gc", strings.NewReader("{}"))
	r.Header.Set("Content-Type", "text/xml")
	if s.door.ServeHTTP(w, r); w.Code != http.StatusUnsupportedMediaType {
		t.Errorf("a body of text/xml = %d, want 415", w.Code)
	}
}
