package server

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/rs/zerolog"
)

// Config is what Listen needs. Only Address is required.
type Config struct {
	Address  string // TCP "host:port"; port 0 takes a free one
	CertFile string // PEM; with KeyFile: the listener speaks TLS, and HTTP/2 where the client can
	KeyFile  string
	// Log gets one line per request at level info, and what went wrong at warn and error. The zero value
	// writes nothing.
	Log zerolog.Logger
	// Metrics count the requests and are the page /-/metrics; nil: there is none.
	Metrics *Metrics
	// MaxConns bounds open connections; 0: 2048. Further ones wait until one ends; those that no handler
	// serves, idle, silent or with the rest of a refused body, make room.
	MaxConns int
	// TrustedProxies are the addresses of proxies whose X-Forwarded-Host, X-Forwarded-Proto and X-Forwarded-For are
	// believed: the host of a request, its client's address, whether that speaks TLS. nil: nobody's.
	TrustedProxies []netip.Prefix
	// Progress is how long a client may take for its next byte of a body, or to take ours; 0: 60 s.
	Progress time.Duration
	// Client makes the context of a request; cutBody and cutAnswer end the Read or Write that waits for its client,
	// and all later ones. They must not be called after the handler has returned. nil: the context as it is.
	Client func(ctx context.Context, cutBody, cutAnswer func()) context.Context
	// Drain is how long Serve waits for running requests when it is told to stop; 0: 30 s.
	Drain time.Duration
}

// Doors are the handlers behind the wall. A nil door is answered as not built yet; S3 is required.
type Doors struct {
	S3       http.Handler // everything that belongs to no other door
	Native   http.Handler // below /v1
	Generic  http.Handler // below /generic
	KooDrive http.Handler // below /koodrive
	DAV      http.Handler // below /dav, and PROPFIND and OPTIONS of "/"
	// S3Host tells whether a Host header belongs to S3 alone, such as that of a bucket: every path is a key there. nil:
	// none does.
	S3Host func(host string) bool
	// RemoteAdmin is what a listener serves below /v1/admin/: it authenticates.
	RemoteAdmin http.Handler
	// Guard returns page for those who may see it: /-/metrics on a listener, which is there for nobody when Guard is
	// nil. On a socket everybody may.
	Guard func(page http.Handler) http.Handler
	// Admin is what a socket serves below /v1/, for a caller whom nobody authenticates; a listener does not
	// serve it. A socket needs no other door.
	Admin http.Handler
	// Ready returns nil when reads and writes work. Its error goes to the log, never to the client.
	Ready func(ctx context.Context) error
}

// defaults fills in what is zero.
func (c Config) defaults() Config {
	if c.MaxConns == 0 {
		c.MaxConns = 2048
	}
	if c.Progress == 0 {
		c.Progress = time.Minute
	}
	if c.Drain == 0 {
		c.Drain = 30 * time.Second
	}
	return c
}
