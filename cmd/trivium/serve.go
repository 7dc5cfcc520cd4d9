package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"trivium/core/content"
	"trivium/server"
)

const (
	// memoryBeside is what the heap may take beside the budget of transfers before the collector works harder.
	memoryBeside = 192 << 20
	// gcPercent lets the heap grow further than Go's 100 between two collections: a GET of 4 KiB costs a fifth less CPU
	// then. The limit above holds all the same.
	gcPercent = 200
	// closeTime is how long the store may take to end when the last request has ended.
	closeTime = 30 * time.Second
	// commandDrain is how long a command's work may go on when the server is told to stop: all of it may be cut.
	commandDrain = 2 * time.Second
	// logTime is how long the last lines of the log may take.
	logTime = 2 * time.Second
)

// serveCommand runs the server.
func serveCommand() *cobra.Command {
	var c config
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: `Run the server until SIGINT or SIGTERM. Without flags it keeps everything in ./data and listens on
127.0.0.1:7070. The first start makes an administrator, an access key and a recovery key and keeps them in
<data>/credentials (mode 0600); on a terminal it shows them, once.

Variables without a flag; they hold at every start, and what they replace or add is told:
  TRIVIUM_ROOT_USER         the administrator whom the others are for (first start: admin)
  TRIVIUM_ROOT_PASSWORD     his password (first start: random)
  TRIVIUM_ROOT_ACCESS_KEY   his access key (first start: random); both or none
  TRIVIUM_ROOT_SECRET_KEY   the secret of that key`,
		Example: `  trivium serve
  trivium serve --data /srv/trivium --listen :7070 --tls-cert cert.pem --tls-key key.pem`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.load(cmd, os.Environ()); err != nil {
				return err
			}
			return serve(cmd.Context(), &c, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	c.addFlags(cmd)
	c.addDropLog(cmd)
	return cmd
}

// serve runs until ctx ends or something fails. The banner goes to out, the log to errOut.
func serve(ctx context.Context, c *config, out, errOut io.Writer) (err error) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(content.DefaultBudget + memoryBeside)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	log, endLog, err := startLog(ctx, c, errOut)
	if err != nil {
		return err
	}
	defer endLog()
	// SIGHUP changes the level, which a logger cannot: this one writes all that the program's level lets through.
	zerolog.SetGlobalLevel(log.GetLevel())
	log = log.Level(zerolog.DebugLevel)
	hup := make(chan os.Signal, 1) // from the beginning: one that nobody takes ends the process
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	if len(c.notRead) > 0 {
		log.Warn().Strs("variables", c.notRead).
			Msg("variables for commands are set, which a server does not read: TRIVIUM_ROOT_* set user, password and access key")
	}
	dir, err := awaitDataDir(ctx, c.data)
	if err != nil {
		return c.sourced(err, "data")
	}
	defer func() { err = errors.Join(err, dir.close()) }()
	metrics := server.NewMetrics()
	proxies, err := c.trustedProxies()
	if err != nil {
		return err
	}
	srv, err := server.Listen(ctx, server.Config{
		Address: c.listen, CertFile: c.tlsCert, KeyFile: c.tlsKey, Log: log, Metrics: metrics, Client: slowClient,
		TrustedProxies: proxies,
	})
	if err != nil {
		if _, ofAddress := errors.AsType[*net.OpError](err); !ofAddress {
			return c.sourced(err, "tls-cert")
		}
		return cannotListen(err, c.name("listen"))
	}
	if err := dir.hold(serverHolds + srv.Addr()); err != nil {
		return errors.Join(err, srv.Close())
	}
	return run(ctx, &process{
		c: c, dir: dir, srv: srv, admin: listenAdmin(ctx, dir, metrics, log), metrics: metrics, hup: hup, log: log, out: out,
	})
}

// cannotListen adds the next step to what the system says of the address that option gave. server has done so when the
// address is in use.
func cannotListen(err error, option string) error {
	if _, ofAddress := errors.AsType[*net.OpError](err); !ofAddress { // of a certificate, or its key
		return err
	}
	switch {
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%w: ports below 1024 are for root, or for a program with CAP_NET_BIND_SERVICE; choose a higher one in %s", err, option)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%w: this host has no such address; choose one that it has in %s, or leave the host out for all of them", err, option)
	}
	if _, unknown := errors.AsType[*net.DNSError](err); unknown {
		return fmt.Errorf("%w: give host:port in %s, such as 127.0.0.1:7070", err, option)
	}
	return err
}

// listenAdmin opens the way in of commands; nil where the system refuses it: the server works without, and they say
// that it has none.
func listenAdmin(ctx context.Context, dir *dataDir, m *server.Metrics, log zerolog.Logger) *server.Server {
	srv, err := server.ListenSocket(ctx, dir.socket(), server.Config{Log: log, Metrics: m, Drain: commandDrain})
	if err != nil {
		log.Warn().Err(err).Msg("there is no socket for commands: users, keys and buckets can be changed with the server stopped alone")
		return nil
	}
	return srv
}

// slowClient lets content cut off the client of a request when others wait for the memory that he holds.
func slowClient(ctx context.Context, cutBody, cutAnswer func()) context.Context {
	return content.WithClient(ctx, content.Client{CutBody: cutBody, CutAnswer: cutAnswer})
}

// startLog makes the log, of lines for people on a terminal and of JSON elsewhere, and the goroutine that flushes it.
// The caller calls end when nothing is logged any more.
func startLog(ctx context.Context, c *config, w io.Writer) (log zerolog.Logger, end func(), err error) {
	level, err := c.level()
	if err != nil {
		return log, nil, err
	}
	if isTerminal(w) {
		w = newConsole(w, os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb")
	}
	buf := server.NewLogBuffer(w)
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() { defer close(done); buf.Run(ctx) }()
	end = func() {
		stop()
		select {
		case <-done:
		case <-time.After(logTime): // nobody reads the log: that must not keep the process
		}
	}
	return zerolog.New(buf).Level(level).With().Timestamp().Logger(), end, nil
}

// process is the running server with all it needs to open its doors.
type process struct {
	c   *config
	dir *dataDir
	srv *server.Server
	// admin is the socket of commands; nil: there is none.
	admin   *server.Server
	metrics *server.Metrics
	token   scrapeToken
	hup     <-chan os.Signal
	log     zerolog.Logger
	out     io.Writer
}

// run answers at once (not ready), opens the store meanwhile, then the doors. At the end it stops in the reverse
// order: no more requests, no more upkeep, the store.
func run(ctx context.Context, p *process) error {
	serving, stop := context.WithCancel(ctx)
	var commands sync.WaitGroup
	defer commands.Wait()
	defer stop()
	defer context.AfterFunc(ctx, func() {
		p.log.Info().Msg("stopping: a second signal ends the process at once")
	})()
	ended := make(chan error, 1)
	go func() { ended <- p.srv.Serve(serving) }()
	commands.Go(func() { (&reloader{now: *p.c, srv: p.srv, token: &p.token, log: p.log}).watch(serving, p.hup) })
	if p.admin != nil {
		commands.Go(func() {
			if err := p.admin.Serve(serving); err != nil {
				p.log.Error().Err(err).Msg("the socket of commands failed")
			}
		})
	}

	st, err := p.open(serving)
	if err != nil {
		stop()
		served := <-ended
		if ctx.Err() != nil {
			return served // told to stop while starting
		}
		return errors.Join(err, served)
	}
	upkeep := st.startUpkeep(serving)
	err = <-ended
	stop()
	commands.Wait()
	upkeep.Wait()
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer cancel()
	err = errors.Join(err, st.close(closing))
	p.log.Info().Msg("stopped")
	return err
}

// open opens the store, makes the accounts and lets requests in.
func (p *process) open(ctx context.Context) (_ *store, err error) {
	st, err := openStore(ctx, p.c, p.dir, p.log)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, st.close(context.WithoutCancel(ctx)))
		}
	}()
	accounts, err := prepareAccounts(ctx, p.dir, st.service, p.c.root)
	if err != nil {
		return nil, err
	}
	if len(accounts.changed) > 0 {
		p.log.Info().Strs("changed", accounts.changed).Msg("accounts were changed by TRIVIUM_ROOT_*")
	}
	if err := st.measure(p.metrics); err != nil {
		return nil, err
	}
	doors, err := newDoors(st, p.c, p.srv, &p.token)
	if err != nil {
		return nil, err
	}
	st.serving = true
	p.srv.Open(doors)
	if p.admin != nil {
		p.admin.Open(server.Doors{Admin: newAdmin(st, p.srv.Addr()), Ready: st.service.Ready})
	}
	hello := welcome{
		url: p.srv.URL(), public: p.c.public(), addr: p.srv.Addr(), dir: p.dir, masterKey: p.dir.masterKeyPath(p.c.masterKeyFile),
		accounts: accounts, terminal: isTerminal(p.out), trouble: st.service.Ready(ctx),
	}
	if hello.trouble == nil {
		p.log.Info().Str("addr", p.srv.Addr()).Msg("ready")
	} else {
		p.log.Warn().Err(hello.trouble).Str("addr", p.srv.Addr()).Msg("not ready")
	}
	if err := hello.print(p.out); err != nil {
		// Requests are running already, and what the banner shows is in the credentials file.
		p.log.Warn().Err(err).Msg("the banner was not printed")
	}
	return st, nil
}
