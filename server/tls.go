package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

const (
	// certStep is how long a loaded certificate is used before its files are looked at again.
	certStep = time.Second
	// certWatch is how long that takes at most where nobody connects.
	certWatch = 30 * time.Second
)

// certFiles serves a certificate from two files and follows their changes. While the files are unreadable or do
// not fit each other (one is replaced before the other) the certificate loaded before stays in use.
type certFiles struct {
	cert, key string
	log       zerolog.Logger
	mu        sync.Mutex
	loaded    *tls.Certificate
	stamp     [2]fileStamp
	checked   time.Time
	trouble   string // what was said last of files that could not be taken; "": they could
}

// fileStamp tells one state of a file from another: also two of the same length and time, when one file has replaced
// another, as whoever renews certificates does it.
type fileStamp struct{ info os.FileInfo }

// is tells whether both are the same state.
func (f fileStamp) is(other fileStamp) bool {
	a, b := f.info, other.info
	return a.Size() == b.Size() && a.ModTime().Equal(b.ModTime()) && os.SameFile(a, b)
}

// loadCert reads both files. Its error names the file and the next step.
func loadCert(cert, key string, log zerolog.Logger) (*certFiles, error) {
	c := &certFiles{cert: cert, key: key, log: log}
	stamp, err := c.stat()
	if err != nil {
		return nil, err
	}
	return c, c.load(stamp)
}

// replace takes the certificate from other files from now on. On an error all stays as it is.
func (c *certFiles) replace(cert, key string) error {
	next, err := loadCert(cert, key, c.log)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cert, c.key = cert, key
	c.trouble = ""
	c.loaded, c.stamp, c.checked = next.loaded, next.stamp, next.checked
	return nil
}

// config returns the TLS settings of the listener.
func (c *certFiles) config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get}
}

// get returns the certificate for a handshake.
func (c *certFiles) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.check()
	return c.loaded, nil
}

// watch looks at the files until ctx ends, so that a pair which does not fit is told before a client needs it.
func (c *certFiles) watch(ctx context.Context) {
	tick := time.NewTicker(certWatch)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			c.mu.Lock()
			c.check()
			c.mu.Unlock()
		}
	}
}

// check takes what is new in the files, when it was not just done. The same trouble is told once. The caller holds mu.
func (c *certFiles) check() {
	if time.Since(c.checked) < certStep {
		return
	}
	stamp, err := c.stat()
	c.checked = time.Now()
	if err == nil && (!stamp[0].is(c.stamp[0]) || !stamp[1].is(c.stamp[1])) {
		err = c.load(stamp)
		if err == nil {
			c.log.Info().Str("file", c.cert).Msg("certificate reloaded")
		}
	}
	if err == nil {
		c.trouble = ""
	} else if text := err.Error(); text != c.trouble {
		c.trouble = text
		c.log.Warn().Err(err).Msg("certificate not reloaded, the one before stays in use")
	}
}

// stat looks at both files.
func (c *certFiles) stat() ([2]fileStamp, error) {
	var out [2]fileStamp
	for i, name := range []string{c.cert, c.key} {
		info, err := os.Stat(name)
		if err != nil {
			return out, fmt.Errorf("read TLS file: %w; %s", err, tlsAdvice(err))
		}
		out[i] = fileStamp{info}
	}
	return out, nil
}

// load reads the pair as it is at stamp.
func (c *certFiles) load(stamp [2]fileStamp) error {
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		if errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("read TLS file: %w; %s", err, tlsAdvice(err))
		}
		return fmt.Errorf("load TLS certificate %s with key %s: %w", c.cert, c.key, err)
	}
	c.loaded, c.stamp, c.checked = &pair, stamp, time.Now()
	return nil
}

// tlsAdvice is the next step when a file of TLS cannot be read.
func tlsAdvice(err error) string {
	if !errors.Is(err, fs.ErrPermission) {
		return "check --tls-cert and --tls-key"
	}
	who := "user " + strconv.Itoa(os.Geteuid())
	if u, err := user.Current(); err == nil {
		who = "user " + u.Username
	}
	return "let " + who + ", as whom the server runs, read it and search the directories above: give it to that user or to a group of his"
}
