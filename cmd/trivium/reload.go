package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/rs/zerolog"

	"trivium/server"
)

// reloader takes up what can be changed while the server runs.
type reloader struct {
	now config // as it holds
	srv *server.Server
	log zerolog.Logger
}

// watch reloads at every signal of hup until ctx ends.
func (r *reloader) watch(ctx context.Context, hup <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hup:
			r.reload(os.Environ())
		}
	}
}

// rereadable refuses a configuration file that can be read but once, such as the pipe of another program: nobody would
// write it a second time.
func rereadable(file string) error {
	if file == "" {
		return nil
	}
	info, err := os.Stat(file)
	if err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("configuration file %s is no plain file and cannot be read again: restart to change it", file)
	}
	return nil // whatever else is wrong shows when it is read
}

// reload reads the configuration file again and logs what of it holds from now on, and what needs a restart. A file
// with an error changes nothing.
func (r *reloader) reload(environ []string) {
	next := config{file: r.now.file, given: r.now.given}
	err := rereadable(next.file)
	if err == nil {
		err = next.resolve(environ)
	}
	var level zerolog.Level
	if err == nil {
		level, err = next.level()
	}
	if err != nil {
		r.log.Error().Err(err).Msg("configuration not reloaded, the one before stays in use")
		return
	}
	changed, restart := []string{}, []string{}
	if next.tlsCert != r.now.tlsCert || next.tlsKey != r.now.tlsKey {
		switch err := r.srv.ReloadTLS(next.tlsCert, next.tlsKey); {
		case err == nil:
			changed = append(changed, "tls-cert", "tls-key")
			r.now.tlsCert, r.now.tlsKey = next.tlsCert, next.tlsKey
		case (next.tlsCert == "") != (r.now.tlsCert == ""): // TLS is switched on or off
			restart = append(restart, "tls-cert", "tls-key")
		default:
			r.log.Error().Err(err).Msg("certificate not reloaded, the one before stays in use")
		}
	}
	if next.logLevel != r.now.logLevel {
		changed = append(changed, "log-level")
		r.now.logLevel = next.logLevel
		zerolog.SetGlobalLevel(level)
	}
	after := options(&next)
	for i, before := range options(&r.now) {
		if *before.target != *after[i].target && !strings.HasPrefix(before.flag, "tls-") {
			restart = append(restart, before.flag)
		}
	}
	// Whoever sent the signal waits for the answer, whatever the level.
	r.log.Log().Str(zerolog.LevelFieldName, zerolog.LevelInfoValue).Strs("changed", changed).Strs("needs_restart", restart).Str("file", next.file).
		Msg("configuration reloaded")
}
