// Package nativeapi is the JSON door, /v1. What is there of it are the calls of administrators, /v1/admin/; their
// documents are in adminapi.
package nativeapi

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"trivium/core"
	"trivium/core/nearest"
	"trivium/nativeapi/adminapi"
)

// Config is what the door works with. Service, Status, Collect, Doctor, Scrub, Repair and Progress
// are required.
type Config struct {
	Service *core.Service
	// Status tells what the process is; the door adds what it knows of the store.
	Status func() adminapi.Status
	// Collect runs one round of the collector.
	Collect func(ctx context.Context, now bool) (adminapi.Collected, error)
	// Doctor examines the store.
	Doctor func(ctx context.Context, deep bool) (adminapi.Examined, error)
	// Scrub looks at all shards, Repair works off what is queued for it, Progress tells how far they are.
	Scrub    func(ctx context.Context, deep bool) (adminapi.Scrubbed, error)
	Repair   func(ctx context.Context) (adminapi.Repaired, error)
	Progress func() adminapi.Progress
	// Ready answers system/health, which everybody may ask: nil when reads and writes work. It must bear being asked often.
	// nil: Service.Ready, which asks the store each time. The administration does not use it.
	Ready func(ctx context.Context) error
	// RequestID returns the id that the server gave to the request, or "".
	RequestID func(ctx context.Context) string
	// Note tells the access log who does what, once per request, before the call runs; nil: nobody asks.
	Note func(ctx context.Context, principal, op string)
	// NoteCode tells the access log the code of an error, before the reply; nil: nobody asks.
	NoteCode func(ctx context.Context, code string)
	// Observe hears of every error before its reply; nil: nobody asks. It must not block.
	Observe func(ctx context.Context, e Event)
	// PublicURL is the address that clients use where a proxy stands before the server: scheme://host[:port]; "" when
	// there is none. Signatures may be made for its host, too. The administration does not use it.
	PublicURL string
	// UploadMemory is what the files of all object/upload may take, in bytes, until each of these is complete: 2 KiB a file.
	// 0: 64 MiB. A client who holds some and sends less than 16 KiB/s for a minute is cut while others wait for it. The
	// administration does not use it.
	UploadMemory int64
	// ArchiveMemory is what the names in all zip archives that are sent may take, in bytes; 0: 64 MiB, which are about
	// 100,000 files. An archive that needs more is cut. The administration does not use it.
	ArchiveMemory int64
	// Now is the clock of signatures, nil: time.Now. The administration does not use it.
	Now func() time.Time
	// TokenLifetime is how long tokens of users are good; 0: 24 h.
	TokenLifetime time.Duration
}

// tokenLifetime is TokenLifetime or, where that says nothing, a day.
func (c *Config) tokenLifetime() time.Duration {
	return cmp.Or(c.TokenLifetime, 24*time.Hour)
}

// Event is what Observe hears.
type Event struct {
	Op        string
	RequestID string
	Status    int
	Code      string
	Err       error
	// Cut: the answer had begun when it could not go on, so the connection was cut. Status is that of the begun answer.
	Cut bool
}

// handler serves one call for an authenticated caller. It returns an error only if it has not begun its reply.
type handler func(w http.ResponseWriter, r *http.Request, se *core.Session) error

// call is one row of the table of calls.
type call struct {
	method string
	path   string // below adminapi.Prefix
	op     string // for the log and metrics
	run    handler
}

// door is the handler behind NewAdmin and NewRemoteAdmin.
type door struct {
	cfg   Config
	calls []call
	// caller tells who makes a request that may be served.
	caller func(w http.ResponseWriter, r *http.Request) (core.Principal, error)
}

// NewAdmin returns the handler of /v1/admin/ for callers who are administrators because they got here: those of a
// socket whose file is the operator's alone, and the process itself. It authenticates nobody, so it must not be
// reached from a network.
func NewAdmin(cfg Config) http.Handler {
	caller := core.System("operator")
	caller.Door = "admin"
	return newAdmin(cfg, func(http.ResponseWriter, *http.Request) (core.Principal, error) { return caller, nil })
}

// newAdmin returns the handler of the calls for those whom caller lets in.
func newAdmin(cfg Config, caller func(http.ResponseWriter, *http.Request) (core.Principal, error)) http.Handler {
	d := &door{cfg: cfg, caller: caller}
	d.calls = []call{
		{http.MethodGet, adminapi.PingCall, "Ping", d.ping},
		{http.MethodGet, adminapi.StatusCall, "Status", d.status},
		{http.MethodGet, adminapi.UserListCall, "ListUsers", d.listUsers},
		{http.MethodPost, adminapi.UserCreateCall, "CreateUser", d.createUser},
		{http.MethodPost, adminapi.UserDisableCall, "SetUserDisabled", d.setUserDisabled},
		{http.MethodPost, adminapi.UserPasswordCall, "SetUserPassword", d.setUserPassword},
		{http.MethodPost, adminapi.UserDeleteCall, "DeleteUser", d.deleteUser},
		{http.MethodPost, adminapi.UserTokenCall, "CreateToken", d.userToken},
		{http.MethodGet, adminapi.KeyListCall, "ListKeys", d.listKeys},
		{http.MethodPost, adminapi.KeyCreateCall, "CreateKey", d.createKey},
		{http.MethodPost, adminapi.KeyRevokeCall, "RevokeKey", d.revokeKey},
		{http.MethodGet, adminapi.BucketListCall, "ListBuckets", d.listBuckets},
		{http.MethodPost, adminapi.BucketCreateCall, "CreateBucket", d.createBucket},
		{http.MethodPost, adminapi.BucketDeleteCall, "DeleteBucket", d.deleteBucket},
		{http.MethodPost, adminapi.CollectCall, "Collect", d.collect},
		{http.MethodPost, adminapi.DoctorCall, "Doctor", d.doctor},
		{http.MethodPost, adminapi.ScrubCall, "Scrub", d.scrub},
		{http.MethodPost, adminapi.RepairCall, "Repair", d.repair},
		{http.MethodGet, adminapi.ProgressCall, "Progress", d.progress},
	}
	router := mux.NewRouter().SkipClean(true).UseEncodedPath()
	for _, c := range d.calls {
		router.Handle(adminapi.Prefix+c.path, d.wrap(c))
	}
	router.NotFoundHandler = d.wrap(call{op: "Unknown", run: d.unknown})
	return router
}

// wrap is around every call: it tells the log, makes the session and answers errors.
func (d *door) wrap(c call) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		var id string
		if d.cfg.RequestID != nil {
			id = d.cfg.RequestID(ctx)
		}
		p, err := d.caller(w, r)
		p.RequestID = id
		if d.cfg.Note != nil {
			d.cfg.Note(ctx, p.Name, c.op)
		}
		if err == nil {
			err = wants(w, r, c.method)
		}
		if err == nil {
			err = c.run(w, r, d.cfg.Service.Session(p))
		}
		if err != nil {
			d.fail(w, r, Event{Op: c.op, RequestID: id, Err: err})
		}
	})
}

// wants refuses other methods, and bodies that are said to be no JSON.
func wants(w http.ResponseWriter, r *http.Request, method string) error {
	if method != "" && r.Method != method {
		return wrongMethod(w, r, method)
	}
	if kind := mediaType(r); method == http.MethodPost && kind != "" && kind != "application/json" {
		return notJSON("")
	}
	return nil
}

// wrongMethod refuses the method of a request.
func wrongMethod(w http.ResponseWriter, r *http.Request, right string) error {
	w.Header().Set("Allow", right)
	return &refusal{http.StatusMethodNotAllowed, "BadArgument", short(r.Method) + ": this call is a " + right}
}

// mediaType is what a request says that its body is, without parameters; "": nothing.
func mediaType(r *http.Request) string {
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(kind))
}

// notJSON refuses a body for what the request says of it.
func notJSON(more string) error {
	return &refusal{http.StatusUnsupportedMediaType, "BadArgument", "Content-Type: the body must be application/json" + more}
}

// unknown answers a path that is no call.
func (d *door) unknown(_ http.ResponseWriter, r *http.Request, _ *core.Session) error {
	known := make([]string, 0, len(d.calls))
	for _, c := range d.calls {
		known = append(known, c.path)
	}
	return noSuchCall(r, adminapi.Prefix, known)
}

// noSuchCall names the call that is meant, of those known below prefix, or those on the same noun, or the nouns.
func noSuchCall(r *http.Request, prefix string, known []string) error {
	path := r.URL.EscapedPath()
	slices.Sort(known)
	name := strings.TrimPrefix(path, prefix)
	advice := suggest(prefix, name, known)
	if nearest.Name(name[:min(len(name), maxName)], known) == "" {
		advice = "there are " + prefix + strings.Join(callsLike(name, known), ", ")
	}
	return &refusal{http.StatusNotFound, "DataNotFound", short(path) + ": there is no such call: " + advice}
}

// callsLike returns the known calls on the noun of a name, or all nouns when none is on that.
func callsLike(name string, known []string) []string {
	noun, _, _ := strings.Cut(name, "/")
	var nouns, same []string
	for _, k := range known {
		first, _, _ := strings.Cut(k, "/")
		if !slices.Contains(nouns, first+"/...") {
			nouns = append(nouns, first+"/...")
		}
		if first == noun {
			same = append(same, k)
		}
	}
	if same == nil {
		return nouns
	}
	return same
}
