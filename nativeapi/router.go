package nativeapi

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/semaphore"

	"trivium/core"
	"trivium/nativeapi/adminapi"
	v1 "trivium/nativeapi/v1"
	"trivium/s3front/sigv4"
)

const (
	// documentMemory is what all JSON bodies of users may take, in bytes, while they are read and worked on, and
	// unprovenMemory those that are read to see whether their signature is right.
	documentMemory = 48 << 20
	unprovenMemory = 16 << 20
	// archiveMemory is Config.ArchiveMemory where that says nothing.
	archiveMemory = 64 << 20
)

// bodyKind says what the body of a call is.
type bodyKind int

const (
	noBody   bodyKind = iota // GET
	jsonBody                 // one JSON object
	formBody                 // multipart/form-data
	rawBody                  // content
)

// request is what the handlers of /v1 work on.
type request struct {
	*http.Request
	w      http.ResponseWriter
	d      *native
	op, id string
	open   bool // the call has no caller
	se     *core.Session
	query  url.Values
	auth   sigv4.Auth
	body   []byte  // of a JSON call, once it is read
	sender *sender // of the body, if that holds memory
	names  int64   // what the request holds of archives
}

// operation serves one call. It returns an error only if it has not begun its reply.
type operation func(w http.ResponseWriter, r *request) error

// endpoint is one row of the table of calls.
type endpoint struct {
	method, path string // below v1.Prefix
	op           string // for the log and metrics
	body         bodyKind
	run          operation
	open         bool // for everybody
}

// native is the handler behind New.
type native struct {
	cfg       Config
	verifier  *sigv4.Verifier
	documents *memory
	unproven  *memory // documents of callers who may be nobody
	uploads   *memory // of files of an upload, until all of them are there
	archives  *semaphore.Weighted
	local     *core.Principal // who everybody is; nil: callers authenticate
	endpoints []endpoint
}

// New returns the door of /v1 for a listener: it authenticates every caller (native API, "Authentication and rights").
// Of the Config it uses Service, Status, RequestID, Note, NoteCode, Observe, Ready, PublicURL, UploadMemory,
// ArchiveMemory, Now and TokenLifetime.
func New(cfg Config) http.Handler { return newNative(cfg, nil).router() }

// NewLocal is New and NewAdmin in one, for callers who are administrators because they got here. It authenticates
// nobody, so it must not be reached from a network.
func NewLocal(cfg Config) http.Handler {
	operator := core.System("operator")
	calls, admin := newNative(cfg, &operator).router(), NewAdmin(cfg)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.EscapedPath(), adminapi.Prefix) {
			admin.ServeHTTP(w, r)
			return
		}
		calls.ServeHTTP(w, r)
	})
}

func newNative(cfg Config, local *core.Principal) *native {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Ready == nil {
		cfg.Ready = cfg.Service.Ready
	}
	if cfg.UploadMemory == 0 {
		cfg.UploadMemory = uploadMemory
	}
	if cfg.ArchiveMemory == 0 {
		cfg.ArchiveMemory = archiveMemory
	}
	d := &native{
		cfg: cfg, local: local,
		documents: newMemory(documentMemory), unproven: newMemory(unprovenMemory), uploads: newMemory(cfg.UploadMemory), archives: semaphore.NewWeighted(cfg.ArchiveMemory),
	}
	d.verifier = newVerifier(cfg.Now)
	d.endpoints = slices.Concat(d.accountCalls(), d.bucketCalls(), d.objectCalls(), d.batchCalls(), d.uploadCalls(), d.spaceCalls())
	return d
}

func (d *native) accountCalls() []endpoint {
	return []endpoint{
		{http.MethodPost, "user/login", "Login", jsonBody, login, true},
		{http.MethodGet, "system/health", "Health", noBody, health, true},
	}
}

func (d *native) bucketCalls() []endpoint {
	return []endpoint{
		{http.MethodPost, "bucket/create", "CreateBucket", jsonBody, createBucket, false},
		{http.MethodGet, "bucket/getByName", "GetBucket", noBody, getBucket, false},
		{http.MethodGet, "bucket/listAll", "ListBuckets", noBody, listBuckets, false},
		{http.MethodPost, "bucket/delete", "DeleteBucket", jsonBody, deleteBucket, false},
		{http.MethodGet, "bucket/getPolicy", "GetBucketPolicy", noBody, getPolicy, false},
		{http.MethodPost, "bucket/setPolicy", "SetBucketPolicy", jsonBody, setPolicy, false},
		{http.MethodPost, "package/create", "CreatePackage", jsonBody, createPackage, false},
		{http.MethodGet, "package/getByFullName", "GetPackage", noBody, getPackage, false},
		{http.MethodGet, "package/getByID", "GetPackageByID", noBody, getPackageByID, false},
		{http.MethodGet, "package/listBucketPackages", "ListPackages", noBody, listPackages, false},
		{http.MethodPost, "package/delete", "DeletePackage", jsonBody, deletePackage, false},
		{http.MethodGet, "package/download", "DownloadPackage", noBody, downloadPackage, false},
	}
}

func (d *native) objectCalls() []endpoint {
	return []endpoint{
		{http.MethodPost, "object/upload", "Upload", formBody, upload, false},
		{http.MethodPut, "object/putByPath", "PutByPath", rawBody, putByPath, false},
		{http.MethodGet, "object/download", "Download", noBody, download, false},
		{http.MethodGet, "object/downloadByPath", "DownloadByPath", noBody, downloadByPath, false},
		{http.MethodGet, "object/info", "ObjectInfo", noBody, objectInfo, false},
		{http.MethodPost, "object/updateMetadata", "UpdateMetadata", jsonBody, updateMetadata, false},
		{http.MethodGet, "object/listByPath", "ListByPath", noBody, listByPath, false},
		{http.MethodGet, "object/getPackageObjects", "ListPackageObjects", noBody, packageObjects, false},
		{http.MethodPost, "object/presign", "Presign", jsonBody, presign, false},
		{http.MethodGet, "object/listVersions", "ListVersions", noBody, listVersions, false},
		{http.MethodPost, "object/restoreVersion", "RestoreVersion", jsonBody, restoreVersion, false},
		{http.MethodGet, "redundancy/status", "RedundancyStatus", noBody, redundancyStatus, false},
	}
}

func (d *native) batchCalls() []endpoint {
	return []endpoint{
		{http.MethodPost, "object/move", "MoveObjects", jsonBody, moveObjects, false},
		{http.MethodPost, "object/delete", "DeleteObjects", jsonBody, deleteObjects, false},
		{http.MethodPost, "object/clone", "CloneObjects", jsonBody, cloneObjects, false},
	}
}

func (d *native) uploadCalls() []endpoint {
	return []endpoint{
		{http.MethodPost, "object/newMultipartUpload", "NewMultipartUpload", jsonBody, newUpload, false},
		{http.MethodPost, "object/uploadPart", "UploadPart", formBody, uploadPart, false},
		{http.MethodPost, "object/completeMultipartUpload", "CompleteMultipartUpload", jsonBody, completeUpload, false},
		{http.MethodPost, "object/abortMultipartUpload", "AbortMultipartUpload", jsonBody, abortUpload, false},
		{http.MethodGet, "object/listParts", "ListParts", noBody, listParts, false},
	}
}

// router routes by the path alone: a wrong method is answered in the API's own form. No path has variables, so that one
// look finds the call; mux would match regular expressions one after the other.
func (d *native) router() http.Handler {
	calls := make(map[string]http.Handler, len(d.endpoints))
	for i := range d.endpoints {
		calls[v1.Prefix+d.endpoints[i].path] = d.wrap(&d.endpoints[i])
	}
	unknown := d.wrap(&endpoint{op: "Unknown", run: d.unknown})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		call, ok := calls[r.URL.EscapedPath()]
		if !ok {
			call = unknown
		}
		call.ServeHTTP(w, r)
	})
}

// wrap is around every call: it authenticates, tells the log, and answers errors.
func (d *native) wrap(e *endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, hr *http.Request) {
		ctx := hr.Context()
		id := ""
		if d.cfg.RequestID != nil {
			id = d.cfg.RequestID(ctx)
		}
		r := &request{Request: hr, w: w, d: d, op: e.op, id: id, open: e.open}
		defer r.release()
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if id != "" {
			w.Header().Set("X-Request-Id", id)
		}
		p, err := d.begin(ctx, w, r, e)
		if d.cfg.Note != nil {
			d.cfg.Note(ctx, p.Name, e.op)
		}
		if err == nil {
			p.Door, p.RequestID = "native", id
			r.se = d.cfg.Service.Session(p)
			if err = r.actFor(ctx, e); err == nil {
				err = e.run(w, r)
			}
		}
		if err != nil {
			d.fail(ctx, w, Event{Op: e.op, RequestID: id, Err: err})
		}
	})
}

// begin judges what can be judged before the call runs, and finds out who calls.
func (d *native) begin(ctx context.Context, w http.ResponseWriter, r *request, e *endpoint) (core.Principal, error) {
	nobody := core.Anonymous()
	if err := allowed(w, r.Request, e); err != nil {
		return nobody, err
	}
	var err error
	if r.query, err = url.ParseQuery(r.URL.RawQuery); err != nil {
		return nobody, badArgument("the query cannot be read")
	}
	if e.open {
		return nobody, wantsType(r.Request, e.body)
	}
	p, err := d.authenticate(ctx, w, r, e)
	if err != nil {
		return nobody, err
	}
	return p, wantsType(r.Request, e.body)
}

// allowed refuses other methods than the call's; HEAD goes where GET does.
func allowed(w http.ResponseWriter, r *http.Request, e *endpoint) error {
	if e.method == "" || r.Method == e.method || r.Method == http.MethodHead && e.method == http.MethodGet {
		return nil
	}
	return wrongMethod(w, r, e.method)
}

// wantsType refuses a body that says it is something else than the call takes.
func wantsType(r *http.Request, kind bodyKind) error {
	given := mediaType(r)
	switch {
	case kind == jsonBody && given != "" && given != "application/json":
		return notJSON("")
	case kind == formBody && given != "multipart/form-data":
		return &refusal{http.StatusUnsupportedMediaType, "BadArgument", "Content-Type: the body must be multipart/form-data"}
	}
	return nil
}

// actFor makes the session that of the user whom the query names; JSON calls name him in the body.
func (r *request) actFor(ctx context.Context, e *endpoint) error {
	if e.open || !r.query.Has("userID") {
		return nil
	}
	id, err := r.number("userID")
	if err != nil {
		return err
	}
	se, err := r.se.For(ctx, id)
	if err == nil {
		r.se = se
	}
	return err
}

// unknown answers a path that is no call.
func (d *native) unknown(_ http.ResponseWriter, r *request) error {
	known := make([]string, 0, len(d.endpoints))
	for i := range d.endpoints {
		known = append(known, d.endpoints[i].path)
	}
	return noSuchCall(r.Request, v1.Prefix, known)
}
