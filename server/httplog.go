package server

import (
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// plainPace is the least time between two lines about clients that speak HTTP where TLS is spoken.
const plainPace = time.Minute

// httpLog turns the http.Server's own lines into warnings. Handshakes that fail are everyday noise of open ports, but
// for a client without TLS, which somebody has told a wrong URL.
type httpLog struct {
	log   zerolog.Logger
	mu    sync.Mutex
	plain time.Time // of the last line about one without TLS
}

// Write logs one line.
func (h *httpLog) Write(p []byte) (int, error) {
	line := strings.TrimSpace(string(p))
	switch {
	case !strings.HasPrefix(line, "http: TLS handshake error"):
		h.log.Warn().Msg(line)
	case strings.HasSuffix(line, "client sent an HTTP request to an HTTPS server") && h.tell():
		h.log.Info().Msg(line + ": its URL must begin with https")
	default:
		h.log.Debug().Msg(line)
	}
	return len(p), nil
}

// tell tells whether it is time for another line about a client without TLS.
func (h *httpLog) tell() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.plain.IsZero() && time.Since(h.plain) < plainPace {
		return false
	}
	h.plain = time.Now()
	return true
}
