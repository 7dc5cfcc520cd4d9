package s3front

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/mux"
	"golang.org/x/sync/semaphore"

	"trivium/core"
	"trivium/core/admission"
	"trivium/s3front/s3xml"
	"trivium/s3front/sigv4"
)

// Config is what the door works with. Service is required.
type Config struct {
	Service *core.Service
	// Region is what GetBucketLocation and HeadBucket answer; "" is us-east-1. Requests may be signed for any.
	Region string
	// Domains are host names below which each bucket has one of its own (virtual-hosted style): of the domain
	// s3.example.com the host bucket.s3.example.com, with every path as a key. nil: path style alone. Whoever routes
	// requests to doors by their path asks BucketOfHost first.
	Domains []string
	// PublicURL is the address that clients use where a proxy stands before the server: scheme://host[:port], without a
	// path. It is the one that answers name, and a host that the signatures of path-style requests may have been made
	// for, whatever host the proxy has set. "": the host and scheme of each request.
	PublicURL string
	// Listings is passed by those listings that are being answered, whose documents are not counted by their bytes; nil:
	// one of NewListings.
	Listings *admission.Gate
	// RequestID returns the id that the server gave to the request; nil, or "" from it: the door makes one.
	RequestID func(ctx context.Context) string
	// Note tells the access log who does what, once per request, before the operation runs; nil: nobody asks.
	Note func(ctx context.Context, principal, op string)
	// NoteCode tells the access log the code of an error, once per request that is answered or cut with one, before
	// the reply; nil: nobody asks.
	NoteCode func(ctx context.Context, code string)
	// NoteReason tells the access log why a signature was refused and the access key it named, as it was sent (neither
	// secret nor signature), and what a 501 is about, without a key; nil: nobody asks.
	NoteReason func(ctx context.Context, key, reason string)
	// Attend says that the request of ctx works long from now on before anything is answered: until done is called, ctx
	// ends when the client has closed its sending side for a while. nil: nobody asks.
	Attend func(ctx context.Context) (done func())
	// Observe hears of every request after its reply, also of those that were cut; nil: nobody asks. It must
	// not block.
	Observe func(ctx context.Context, e Event)
	// Now is the clock of signatures; nil: time.Now.
	Now func() time.Time
	// NameUnknownKeys answers an unknown access key with InvalidAccessKeyId, as AWS does, instead of what a
	// wrong secret gets. It tells strangers which keys exist; conformance suites ask for it.
	NameUnknownKeys bool
}

// Event is what Observe hears.
type Event struct {
	Op        string // "PutObject"...; "Unknown" when no operation was found
	Bucket    string
	Key       string
	Principal string // name of the user, "anonymous" for nobody
	RequestID string
	Status    int
	Code      string // S3 error code; "" on success
	Sent      int64  // bytes of the reply's body
	Duration  time.Duration
	Err       error // why it failed or was cut; nil on success
	// Cut: the reply had begun when the content could not be read any further, so the connection was cut. It is
	// false when the client went away. Status is that of the begun reply.
	Cut bool
}

// door is the handler behind New.
type door struct {
	cfg      Config
	router   *mux.Router
	verifier *sigv4.Verifier
	routes   *whitelist
	hosts    []string  // of PublicURL
	writers  sync.Pool // *s3xml.Writer
	fixed    fixedHeaders
	// documents is the memory for XML bodies and their trees: no number of requests may make the process grow.
	documents *semaphore.Weighted
}

// fixedHeaders are values that many replies share; nobody changes them.
type fixedHeaders struct {
	server, ranges, nosniff, sandbox, defaultType []string
}

// New returns the S3 door. It takes every path: / is the service, /bucket a bucket, /bucket/key an object; on the host
// of a bucket / is the bucket and /key an object.
func New(cfg Config) http.Handler { return newDoor(cfg) }

func newDoor(cfg Config) *door {
	if cfg.Region == "" {
		cfg.Region = "us-east-1"
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Attend == nil {
		cfg.Attend = func(context.Context) func() { return func() {} }
	}
	if cfg.Listings == nil {
		cfg.Listings = NewListings()
	}
	d := &door{cfg: cfg, verifier: sigv4.New(sigv4.Config{Now: cfg.Now}), routes: newWhitelist(routes())}
	d.hosts = publicHosts(cfg.PublicURL)
	d.documents = semaphore.NewWeighted(documentMemory)
	d.fixed = fixedHeaders{
		server: []string{"Trivium"}, ranges: []string{"bytes"}, nosniff: []string{"nosniff"},
		sandbox: []string{"sandbox"}, defaultType: []string{"binary/octet-stream"},
	}
	d.writers.New = func() any { return new(s3xml.Writer) }
	// Keys are opaque: a//b, ../x and a%2Fb must arrive as they were sent.
	d.router = mux.NewRouter().SkipClean(true).UseEncodedPath()
	for _, path := range []string{"/", "/{bucket}", "/{bucket}/", "/{bucket}/{key:.+}"} {
		d.router.HandleFunc(path, d.routed)
	}
	d.router.NotFoundHandler = http.HandlerFunc(d.routed)
	return d
}

// ServeHTTP implements http.Handler. Paths of the usual form need no router: what the router would find is cut out of
// them. Which operation runs is decided behind that, by the same whitelist for all.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if at, ok := d.hosted(r); ok {
		d.serve(w, r, at)
		return
	}
	if at, ok := cutPath(r.URL.EscapedPath()); ok {
		d.serve(w, r, at)
		return
	}
	d.router.ServeHTTP(w, r)
}

// routed serves what the router has found.
func (d *door) routed(w http.ResponseWriter, r *http.Request) {
	vars := mux.Vars(r)
	d.serve(w, r, place{bucket: vars["bucket"], key: vars["key"], nowhere: vars == nil})
}

// exchange is a request with what its copies share, in one piece of memory.
type exchange struct {
	request  request
	recorder recorder
	memory   reservation
	listing  listingPlace
}

// serve is the wrapper around every operation.
func (d *door) serve(w http.ResponseWriter, hr *http.Request, at place) {
	start := d.cfg.Now()
	x := new(exchange)
	x.recorder.ResponseWriter, x.memory.pool, x.listing.gate = w, d.documents, d.cfg.Listings
	x.request = request{Request: hr, door: d, op: "Unknown", rec: &x.recorder, memory: &x.memory, listing: &x.listing}
	r, rec := &x.request, &x.recorder
	defer r.memory.release()
	defer r.listing.release()
	ctx := hr.Context()
	r.id = d.requestID(ctx)
	h := rec.Header()
	id := []string{r.id}
	h["X-Amz-Request-Id"], h["X-Amz-Id-2"] = id, id
	h["Server"] = d.fixed.server
	if d.cfg.Observe != nil {
		// Deferred: a reply that is cut by a panic is reported as well.
		defer func() { d.cfg.Observe(ctx, r.event(d.cfg.Now().Sub(start))) }()
	}
	if err := d.handle(ctx, r, at); err != nil {
		r.fail(ctx, rec, err)
	}
}

// handle authenticates the caller, finds the operation and runs it. Finding comes after hoisting, since a header
// that came in the query may select the operation; a caller that is refused has one too, for the log.
func (d *door) handle(ctx context.Context, r *request, at place) error {
	r.hosted = at.hosted
	if err := r.parse(at); err != nil {
		return err
	}
	authErr, hoistErr := d.authenticate(ctx, r), hoist(r)
	rt, routeErr := d.routes.find(r)
	if rt != nil {
		r.op = rt.op
	}
	if authErr != nil {
		return authErr
	}
	if d.cfg.Note != nil {
		d.cfg.Note(ctx, r.principal.Name, r.op)
	}
	if hoistErr != nil {
		return hoistErr
	}
	if routeErr != nil {
		return routeErr
	}
	if err := refuseHeaders(r); err != nil {
		return err
	}
	se := d.cfg.Service.Session(r.principal)
	if err := checkExpectedOwner(ctx, r, se); err != nil {
		return err
	}
	return rt.run(r.rec, r, se)
}

func (d *door) requestID(ctx context.Context) string {
	if d.cfg.RequestID != nil {
		if id := d.cfg.RequestID(ctx); id != "" {
			return id
		}
	}
	var raw [8]byte
	_, _ = rand.Read(raw[:]) // never fails
	return strings.ToUpper(hex.EncodeToString(raw[:]))
}

// recorder remembers what was answered.
type recorder struct {
	http.ResponseWriter
	status int
	sent   int64
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
	rec.sent += int64(n)
	rec.gone = rec.gone || err != nil
	return n, err
}

// Unwrap lets http.ResponseController reach the server's writer.
func (rec *recorder) Unwrap() http.ResponseWriter { return rec.ResponseWriter }

// writeXML answers with a document.
func (r *request) writeXML(w http.ResponseWriter, status int, build func(x *s3xml.Writer)) error {
	x, _ := r.door.writers.Get().(*s3xml.Writer)
	defer r.door.writers.Put(x)
	x.Reset()
	build(x)
	h := w.Header()
	h["Content-Type"] = []string{"application/xml"}
	setLength(h, int64(len(x.Bytes())))
	w.WriteHeader(status)
	_, err := w.Write(x.Bytes())
	return r.cut(err)
}
