package sftp

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	proto "github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"trivium/drivers"
)

const (
	maxSessions = 4
	// crowd is how many calls a connection has before another one is made.
	crowd = 4
	// grace is how long a connection may take to answer once the ctx of a call on it has ended. With cleanUp, which is
	// followed by another grace, it keeps within the 5 s of the contract.
	grace   = time.Second
	cleanUp = 1500 * time.Millisecond
)

// session is one connection with SFTP on it.
type session struct {
	pool   *pool
	conn   *ssh.Client
	client *proto.Client
	lost   atomic.Bool   // it is of no use any more
	over   chan struct{} // closed when the connection has ended
	wg     sync.WaitGroup
	users  int // guarded by pool.mu
}

func newSession(p *pool, conn *ssh.Client) (*session, error) {
	client, err := proto.NewClient(conn, proto.UseConcurrentWrites(true))
	if err != nil {
		return nil, err
	}
	s := &session{pool: p, conn: conn, client: client, over: make(chan struct{})}
	s.wg.Go(func() {
		_ = client.Wait() // whoever uses it learns why
		_ = conn.Close()
		_ = conn.Wait()
		close(s.over)
	})
	s.wg.Go(s.keepAlive)
	return s, nil
}

// keepAlive makes the server say something, so that one that has gone is noticed by its silence.
func (s *session) keepAlive() {
	tick := time.NewTicker(s.pool.login.idle / 4)
	defer tick.Stop()
	for {
		select {
		case <-s.over:
			return
		case <-tick.C:
			_, _, err := s.conn.SendRequest("keepalive@openssh.com", true, nil)
			if err != nil {
				_ = s.conn.Close()
				return
			}
		}
	}
}

// do runs f, each of whose requests the server answers at once as a rule. When ctx has ended and the server does not
// answer within grace, the connection is ended, which ends f.
func (s *session) do(ctx context.Context, f func(c *proto.Client) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-done:
		case <-timer.C:
			s.lost.Store(true)
			_ = s.conn.Close()
		}
	})
	err := f(s.client)
	close(done)
	stop()
	if err == nil {
		return nil
	}
	if drivers.Sentinel(err) == nil && isLost(err) {
		s.lost.Store(true)
		_ = s.conn.Close()
	}
	if ended := ctx.Err(); ended != nil {
		return ended
	}
	return err
}

// dead tells whether nothing can be asked on the connection any more; ended, whether it is over and done with.
func (s *session) dead() bool { return s.lost.Load() || s.ended() }

func (s *session) ended() bool {
	select {
	case <-s.over:
		return true
	default:
		return false
	}
}

// release gives back what get returned.
func (s *session) release() {
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	s.users--
}

// close ends the connection and waits for what belongs to it.
func (s *session) close() {
	_ = s.conn.Close()
	s.wg.Wait()
}

// pool is the connections of one Driver.
type pool struct {
	login *login

	mu       sync.Mutex
	sessions []*session
	ending   []*session // dead ones whose ends were not seen yet
	dialing  int
	changed  chan struct{} // closed and replaced when a dial ends
	closed   bool
}

func newPool(l *login) *pool { return &pool{login: l, changed: make(chan struct{})} }

// get returns the connection with the fewest users, or a new one where all have a crowd of them. The caller releases it.
func (p *pool) get(ctx context.Context) (*session, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s, dial, changed := p.pick()
		switch {
		case s != nil:
			return s, nil
		case dial:
			return p.dial(ctx)
		case changed == nil:
			return nil, fmt.Errorf("%w: the space is closed", drivers.ErrBroken)
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

// pick returns a session to use, or tells that the caller has to dial, or to wait for changed.
func (p *pool) pick() (s *session, dial bool, changed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, false, nil
	}
	p.sort()
	for _, one := range p.sessions {
		if s == nil || one.users < s.users {
			s = one
		}
	}
	room := len(p.sessions)+p.dialing < maxSessions
	if s == nil && !room {
		return nil, false, p.changed
	}
	if s == nil || s.users >= crowd && room && p.dialing == 0 {
		p.dialing++
		return nil, true, nil
	}
	s.users++
	return s, false, nil
}

// sort takes out the sessions that have died.
func (p *pool) sort() {
	p.ending = slices.DeleteFunc(p.ending, (*session).ended)
	p.sessions = slices.DeleteFunc(p.sessions, func(s *session) bool {
		dead := s.dead()
		if dead {
			p.ending = append(p.ending, s)
		}
		return dead
	})
}

func (p *pool) dial(ctx context.Context) (*session, error) {
	s, err := p.connect(ctx)
	p.mu.Lock()
	p.dialing--
	close(p.changed)
	p.changed = make(chan struct{})
	if err == nil && !p.closed {
		s.users++
		p.sessions = append(p.sessions, s)
		p.mu.Unlock()
		return s, nil
	}
	var other *session // better than none
	for _, one := range p.sessions {
		if !one.dead() && !p.closed {
			other = one
			other.users++
			break
		}
	}
	p.mu.Unlock()
	if err == nil {
		s.close()
		err = fmt.Errorf("%w: the space is closed", drivers.ErrBroken)
	}
	if other != nil {
		return other, nil
	}
	return nil, err
}

func (p *pool) connect(ctx context.Context) (*session, error) {
	conn, err := p.login.connect(ctx)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	s, err := newSession(p, conn)
	if stop() && err == nil {
		return s, nil
	}
	if s != nil {
		s.close()
	}
	_ = conn.Close()
	_ = conn.Wait()
	switch ended := ctx.Err(); {
	case ended != nil:
		return nil, ended
	case isLost(err):
		return nil, err
	}
	return nil, fmt.Errorf("%w: the server lets the user in, but not to SFTP: %s", drivers.ErrBroken, err.Error())
}

func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	sessions := append(p.sessions, p.ending...)
	p.sessions, p.ending = nil, nil
	p.mu.Unlock()
	for _, s := range sessions {
		s.close()
	}
}

// idleConn fails when the server is silent for too long, or takes nothing.
type idleConn struct {
	net.Conn
	idle time.Duration
}

// Read implements net.Conn.
func (c *idleConn) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.idle)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

// Write implements net.Conn.
func (c *idleConn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.idle)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}
