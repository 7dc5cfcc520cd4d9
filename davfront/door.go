package davfront

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/sync/semaphore"

	"trivium/core"
)

// Prefix is where the door's tree begins. It is not configurable: clients and documents name it.
const Prefix = "/dav"

// Config is what the door works with. Service is required.
type Config struct {
	Service *core.Service
	// InfiniteDepth answers PROPFIND with Depth: infinity instead of refusing it (RFC 4918 §9.1).
	InfiniteDepth bool
	// PublicURL is the address that clients use where a proxy passes requests on under another Host: addresses in
	// headers may have its host; "": there is none.
	PublicURL string
	// RequestID returns the id that the server gave to the request; nil: there is none.
	RequestID func(ctx context.Context) string
	// Note tells the access log who does what, once per request, before the operation runs; nil: nobody asks.
	Note func(ctx context.Context, principal, op string)
	// NoteCode tells the access log the code of an error, before the reply; nil: nobody asks.
	NoteCode func(ctx context.Context, code string)
	// NoteReason tells the access log why a request failed that conflicts with what is there; nil: nobody asks.
	NoteReason func(ctx context.Context, reason string)
	// Observe hears of every error after its reply, also when that was cut; nil: nobody asks. It must not block.
	Observe func(ctx context.Context, e Event)
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// Event is what Observe hears of a request that failed.
type Event struct {
	Op        string
	RequestID string
	Status    int // of the reply; of a cut one that of its beginning
	Err       error
	Cut       bool // the reply had begun when what it tells could not be read any further
}

// handler runs one method: decode, what core does for it, encode. An error that it returns must come before the first
// byte of its reply; later ones go through request.cut.
type handler func(w http.ResponseWriter, r *request, se *core.Session) error

// route is a method of the door.
type route struct {
	op  string // for the log and metrics
	run handler
	// open: nobody need say who he is. public: it reads, and who does not may read what a bucket's policy makes public.
	open, public bool
}

// door is the handler behind New.
type door struct {
	cfg    Config
	routes map[string]route
	live   []live // properties
	// documents and strangers are the memory for XML bodies and their trees, answers that for what is left of them: no
	// number of requests may make the process grow.
	documents, strangers, answers *semaphore.Weighted
}

// New returns the WebDAV door. It takes the paths below Prefix, and OPTIONS and PROPFIND on "/", where Windows asks.
func New(cfg Config) http.Handler {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	d := &door{
		cfg: cfg, live: liveProperties(), documents: semaphore.NewWeighted(documentMemory),
		strangers: semaphore.NewWeighted(strangerMemory), answers: semaphore.NewWeighted(answerMemory),
	}
	d.routes = map[string]route{
		http.MethodOptions: {op: "Options", run: options, open: true},
		http.MethodGet:     {op: "Get", run: get, public: true},
		http.MethodHead:    {op: "Head", run: get, public: true},
		"PROPFIND":         {op: "Propfind", run: propfind, public: true},
		http.MethodPut:     {op: "Put", run: put},
		http.MethodDelete:  {op: "Delete", run: remove},
		"MKCOL":            {op: "Mkcol", run: mkcol},
		"COPY":             {op: "Copy", run: copyTo},
		"MOVE":             {op: "Move", run: copyTo},
		"PROPPATCH":        {op: "Proppatch", run: proppatch},
		"LOCK":             {op: "Lock", run: lock},
		"UNLOCK":           {op: "Unlock", run: unlock},
	}
	return d
}

// request is what handlers work on.
type request struct {
	*http.Request
	door      *door
	at        place
	principal core.Principal
	op        string
	rec       recorder
	document  memory // until it is parsed
	answer    memory // until the request is answered
}

// ServeHTTP implements http.Handler.
func (d *door) ServeHTTP(w http.ResponseWriter, hr *http.Request) {
	r := &request{Request: hr, door: d, op: "Unknown", rec: recorder{ResponseWriter: w}}
	defer r.document.release()
	defer r.answer.release()
	if err := d.handle(hr.Context(), r); err != nil {
		r.fail(hr.Context(), err)
	}
}

// handle finds the operation, authenticates the caller and runs it.
func (d *door) handle(ctx context.Context, r *request) error {
	rt, known := d.routes[r.Method]
	if known {
		r.op = rt.op
	}
	err := d.authenticate(ctx, r, rt)
	if d.cfg.Note != nil {
		d.cfg.Note(ctx, r.principal.Name, r.op)
	}
	if err != nil {
		return err
	}
	if !known {
		r.rec.Header().Set("Allow", allowed)
		return &refusal{status: http.StatusMethodNotAllowed, msg: "this method is not known here"}
	}
	if r.at, err = parsePlace(r.URL.EscapedPath()); err != nil {
		return err
	}
	guard, err := parseIf(r)
	if err != nil {
		return err
	}
	se := d.cfg.Service.Session(r.principal).Guarded(guard)
	if rt.public && len(guard.Lists) > 0 && r.mayRead(ctx, se) {
		if err := se.Holds(ctx); err != nil {
			return err
		}
	}
	return rt.run(&r.rec, r, se)
}

// mayRead tells whether the caller may read what is at the address. Who may not is told so, not whether If holds.
func (r *request) mayRead(ctx context.Context, se *core.Session) bool {
	if r.at.Bucket == "" {
		return !r.principal.Anonymous
	}
	return se.May(ctx, r.at.Bucket, core.AccessRead) == nil
}

// recorder remembers what was answered.
type recorder struct {
	http.ResponseWriter
	status int
	gone   bool // the client takes no more bytes
}

// WriteHeader implements http.ResponseWriter.
func (rec *recorder) WriteHeader(status int) {
	if rec.status == 0 {
		rec.status = status
	}
	rec.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (rec *recorder) Write(p []byte) (int, error) {
	if rec.status == 0 {
		rec.status = http.StatusOK
	}
	n, err := rec.ResponseWriter.Write(p)
	rec.gone = rec.gone || err != nil
	return n, err
}

// Unwrap lets http.ResponseController reach the server's writer.
func (rec *recorder) Unwrap() http.ResponseWriter { return rec.ResponseWriter }

// cut ends the connection when err, an error after the reply has begun, is not nil: a client must never take a torso
// for the whole. It returns nil.
func (r *request) cut(err error) error {
	if err == nil {
		return nil
	}
	r.observe(r.Context(), fmt.Errorf("reply: %w", err), !r.rec.gone)
	panic(http.ErrAbortHandler)
}

// observe reports an error.
func (r *request) observe(ctx context.Context, err error, cut bool) {
	if r.door.cfg.Observe != nil {
		r.door.cfg.Observe(ctx, Event{Op: r.op, RequestID: r.id(ctx), Status: r.rec.status, Err: err, Cut: cut})
	}
}

// id is the request's identity, "" where the server gives none.
func (r *request) id(ctx context.Context) string {
	if r.door.cfg.RequestID == nil {
		return ""
	}
	return r.door.cfg.RequestID(ctx)
}
