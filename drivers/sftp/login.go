package sftp

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"trivium/drivers"
)

const (
	dialTimeout      = 30 * time.Second
	handshakeTimeout = 30 * time.Second
	defaultIdle      = time.Minute
)

// login makes connections to one server.
type login struct {
	space   string
	addr    string
	idle    time.Duration
	dial    func(ctx context.Context, network, addr string) (net.Conn, error)
	user    string
	auth    []ssh.AuthMethod
	learned func(space, hostKey string) error

	mu  sync.Mutex
	key hostKey
}

func newLogin(space string, cfg Config, opts Options) (*login, error) {
	port := cfg.Port
	if port == "" {
		port = "22"
	}
	n, err := strconv.ParseUint(port, 10, 16)
	switch {
	case cfg.Host == "" || strings.ContainsAny(cfg.Host, "/@ \x00"):
		return nil, errors.New("host: want a name or an address")
	case err != nil || n == 0:
		return nil, errors.New("port: want a number from 1 to 65535")
	case cfg.Path == "" || strings.ContainsRune(cfg.Path, 0):
		return nil, errors.New("path: want a directory")
	case cfg.User == "":
		return nil, errors.New("user: there must be one")
	}
	l := &login{
		space: space, addr: net.JoinHostPort(strings.Trim(cfg.Host, "[]"), port), idle: opts.Idle, dial: opts.Dial, user: cfg.User,
		learned: opts.Learned,
	}
	if l.dial == nil {
		l.dial = (&net.Dialer{Timeout: dialTimeout}).DialContext
	}
	if l.idle == 0 {
		l.idle = defaultIdle
	}
	if l.key, err = parseHostKey(cfg.HostKey); err != nil {
		return nil, err
	}
	l.auth, err = authMethods(cfg)
	return l, err
}

func authMethods(cfg Config) ([]ssh.AuthMethod, error) {
	var methods []ssh.AuthMethod
	if cfg.PrivateKey != "" {
		signer, err := parsePrivateKey(cfg.PrivateKey, cfg.Passphrase)
		if err != nil {
			return nil, err
		}
		methods = append(methods, ssh.PublicKeys(signer))
	} else if cfg.Passphrase != "" {
		return nil, errors.New("passphrase: it belongs to a privateKey")
	}
	if cfg.Password != "" {
		// Many servers ask for the password instead of taking it.
		answer := func(_, _ string, questions []string, echos []bool) ([]string, error) {
			answers := make([]string, len(questions))
			for i := range questions {
				if echos[i] {
					return nil, errors.New("the server asks for more than a password")
				}
				answers[i] = cfg.Password
			}
			return answers, nil
		}
		methods = append(methods, ssh.Password(cfg.Password), ssh.KeyboardInteractive(answer))
	}
	if len(methods) == 0 {
		return nil, errors.New("password: give it or a privateKey")
	}
	return methods, nil
}

// parsePrivateKey tells nothing of the key in its errors.
func parsePrivateKey(key, passphrase string) (ssh.Signer, error) {
	parse := func() (ssh.Signer, error) { return ssh.ParsePrivateKey([]byte(key)) }
	if passphrase != "" {
		parse = func() (ssh.Signer, error) {
			return ssh.ParsePrivateKeyWithPassphrase([]byte(key), []byte(passphrase))
		}
	}
	signer, err := parse()
	if err == nil {
		return signer, nil
	}
	_, missing := errors.AsType[*ssh.PassphraseMissingError](err)
	switch {
	case missing:
		return nil, errors.New("passphrase: the privateKey needs one")
	case errors.Is(err, x509.IncorrectPasswordError):
		return nil, errors.New("passphrase: it does not open the privateKey")
	}
	return nil, errors.New("privateKey: want a key in PEM or OpenSSH form, with its BEGIN and END lines, and a passphrase only if it has one")
}

// connect dials, compares the server's key, and logs in.
func (l *login) connect(ctx context.Context) (*ssh.Client, error) {
	l.mu.Lock()
	want := l.key
	l.mu.Unlock()
	var first error
	for _, algorithms := range want.algorithms() {
		conn, seen, err := l.try(ctx, want, algorithms)
		if err == nil {
			if err := l.learn(seen); err != nil {
				_ = conn.Close()
				_ = conn.Wait()
				return nil, err
			}
			return conn, nil
		}
		_, wrongKey := errors.AsType[*wrongKeyError](err)
		_, noKey := errors.AsType[*ssh.AlgorithmNegotiationError](err)
		if first == nil || wrongKey {
			first = err
		}
		if !wrongKey && !noKey {
			return nil, l.judge(ctx, err)
		}
	}
	return nil, l.judge(ctx, first)
}

func (l *login) try(ctx context.Context, want hostKey, algorithms []string) (*ssh.Client, ssh.PublicKey, error) {
	raw, err := l.dial(ctx, "tcp", l.addr)
	if err != nil {
		return nil, nil, err
	}
	hurry, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	stop := context.AfterFunc(hurry, func() { _ = raw.Close() })
	var seen ssh.PublicKey
	var refused error
	conn, channels, requests, err := ssh.NewClientConn(&idleConn{Conn: raw, idle: l.idle}, l.addr, &ssh.ClientConfig{
		User: l.user, Auth: l.auth, HostKeyAlgorithms: algorithms, ClientVersion: "SSH-2.0-Trivium",
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			seen = key
			refused = want.check(key)
			return refused
		},
	})
	if !stop() && err == nil {
		_ = conn.Close()
		err = context.Cause(hurry)
	}
	if err != nil {
		_ = raw.Close()
		if refused != nil {
			err = refused
		}
		return nil, nil, err
	}
	return ssh.NewClient(conn, channels, requests), seen, nil
}

// learn keeps the first key that the server shows, if none is required yet.
func (l *login) learn(seen ssh.PublicKey) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.key.any() {
		return l.key.check(seen)
	}
	line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(seen)))
	if l.learned != nil {
		if err := l.learned(l.space, line); err != nil {
			return fmt.Errorf("the server's host key cannot be kept: %w", err)
		}
	}
	l.key = hostKey{print: ssh.FingerprintSHA256(seen), kind: seen.Type()}
	return nil
}

// judge gives a failure to connect its sentinel.
func (l *login) judge(ctx context.Context, err error) error {
	if ended := ctx.Err(); ended != nil {
		return ended
	}
	timeout := errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
	if !timeout && drivers.Sentinel(err) != nil {
		return err
	}
	_, algorithms := errors.AsType[*ssh.AlgorithmNegotiationError](err)
	switch text := err.Error(); {
	case strings.Contains(text, "unexpected message type 51"): // SSH_MSG_USERAUTH_FAILURE where questions were expected
		fallthrough
	case strings.Contains(text, "unable to authenticate"), strings.Contains(text, "Too many authentication failures"):
		return fmt.Errorf("%w: the server does not accept the user name with this password or key (%s)", drivers.ErrDenied, text)
	case algorithms:
		return fmt.Errorf("%w: %s", drivers.ErrBroken, text)
	default:
		// Flat, because a timeout of the network passes for a context.DeadlineExceeded.
		return fmt.Errorf("%w: %s", drivers.ErrTransient, text)
	}
}
