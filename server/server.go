package server

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Limits of the HTTP layer.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 64 << 10
	h2Streams     = 128
	h2ConnBuffer  = 512 << 10 // of received, unread bytes per connection
	stopGrace     = 5 * time.Second
)

// ErrInUse says that the address is taken by another process.
var ErrInUse = errors.New("address is in use")

// Server is one listener with its doors. Its methods may be called concurrently, Serve once.
type Server struct {
	cfg      Config
	ln       *listener
	tls      *certFiles // nil: plain HTTP
	socket   bool       // it is the operator's, on a Unix socket
	http     *http.Server
	watcher  *watcher
	doors    atomic.Pointer[Doors]
	stopping atomic.Bool
	cutting  atomic.Bool  // the drain time is over: what still runs has lost its client
	running  atomic.Int64 // handlers
	health   health
}

// Listen binds the address and reads the TLS files. Nothing is answered before Serve. Errors name the next
// step; a taken address is ErrInUse.
func Listen(ctx context.Context, cfg Config) (*Server, error) {
	if (cfg.CertFile == "") != (cfg.KeyFile == "") {
		return nil, errors.New("TLS needs both files: give --tls-cert and --tls-key")
	}
	var cert *certFiles
	if cfg.CertFile != "" {
		var err error
		if cert, err = loadCert(cfg.CertFile, cfg.KeyFile, cfg.Log); err != nil {
			return nil, err
		}
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", cfg.Address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("listen on %s: %w: stop what runs there or choose another --listen", cfg.Address, ErrInUse)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", cfg.Address, err)
	}
	return newServer(cfg, ln, cert), nil
}

// newServer makes a server on ln; cert nil is plain HTTP.
func newServer(cfg Config, ln net.Listener, cert *certFiles) *Server {
	s := &Server{cfg: cfg.defaults(), tls: cert, watcher: newWatcher()}
	s.ln = newListener(ln, s.cfg.MaxConns, s.watcher)
	s.http = s.newHTTP()
	return s
}

// newHTTP makes the http.Server.
func (s *Server) newHTTP() *http.Server {
	h := &http.Server{
		Handler:                      s,
		ReadHeaderTimeout:            headerTimeout,
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               maxHeader,
		ConnState:                    s.ln.state,
		ConnContext:                  withConn,
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     log.New(&httpLog{log: s.cfg.Log}, "", 0),
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          h2Streams,
			MaxReceiveBufferPerConnection: h2ConnBuffer,
			MaxReceiveBufferPerStream:     h2ConnBuffer,
		},
	}
	if s.tls != nil {
		h.TLSConfig = s.tls.config()
	}
	return h
}

// ReloadTLS takes the certificate for new connections from these files. On an error the one before stays in use. TLS
// cannot be switched on or off: that is an error, too.
func (s *Server) ReloadTLS(certFile, keyFile string) error {
	if (s.tls == nil) != (certFile == "") {
		return errors.New("TLS is switched on and off by a restart")
	}
	if s.tls == nil {
		return nil
	}
	return s.tls.replace(certFile, keyFile)
}

// Addr returns the address that is bound.
func (s *Server) Addr() string { return s.ln.Addr().String() }

// URL returns the address as a client on this machine writes it.
func (s *Server) URL() string {
	scheme := "http"
	if s.tls != nil {
		scheme = "https"
	}
	host, port, err := net.SplitHostPort(s.Addr())
	if err != nil {
		return scheme + "://" + s.Addr()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// Open lets requests through to the doors. Before it every door answers 503, and ready says "starting".
func (s *Server) Open(d Doors) { s.doors.Store(&d) }

// Serve answers requests until ctx is done, then drains: it accepts no more, says not ready, waits up to
// Config.Drain for running requests, then cuts them. When it returns no handler is running, but for those that
// ignore their context for another 5 s. A clean end is nil, after cut requests too.
func (s *Server) Serve(ctx context.Context) error {
	watchCtx, stopWatch := context.WithCancel(context.WithoutCancel(ctx))
	var helpers sync.WaitGroup
	helpers.Go(func() { s.watcher.run(watchCtx, s.cfg.Progress) })
	defer helpers.Wait()
	defer stopWatch()

	if s.tls != nil {
		helpers.Go(func() { s.tls.watch(watchCtx) })
	}
	failed := make(chan error, 1)
	helpers.Go(func() { failed <- s.accept() })
	select {
	case err := <-failed:
		_ = s.http.Close()
		return fmt.Errorf("serve on %s: %w", s.Addr(), err)
	case <-ctx.Done():
	}
	s.drain(context.WithoutCancel(ctx))
	return nil
}

// accept runs the http.Server.
func (s *Server) accept() error {
	if s.tls == nil {
		return s.http.Serve(s.ln)
	}
	return s.http.ServeTLS(s.ln, "", "")
}

// drain ends the service gracefully.
func (s *Server) drain(ctx context.Context) {
	s.stopping.Store(true)
	if n := s.running.Load(); n > 0 {
		s.cfg.Log.Warn().Int64("handlers", n).Dur("limit_ms", s.cfg.Drain).Msg("stopping: waiting for running requests")
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Drain)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		s.cfg.Log.Warn().Msg("requests were cut: they did not end within the drain time")
		s.cutting.Store(true)
		_ = s.http.Close()
	}
	s.waitHandlers()
}

// waitHandlers returns when no handler runs, at the latest after stopGrace.
func (s *Server) waitHandlers() {
	t := time.NewTicker(5 * time.Millisecond)
	defer t.Stop()
	for end := time.Now().Add(stopGrace); s.running.Load() > 0; <-t.C {
		if time.Now().After(end) {
			s.cfg.Log.Warn().Int64("handlers", s.running.Load()).Msg("handlers still run after their connections were cut")
			return
		}
	}
}

// Close frees the address of a server that never served.
func (s *Server) Close() error { return s.ln.Close() }
