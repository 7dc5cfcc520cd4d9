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
	now   config // as it holds
	srv   *server.Server
	token *scrapeToken
	log   zerolog.Logger
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
	failed := false
	switch err := r.srv.ReloadTLS(next.tlsCert, next.tlsKey); {
	case (next.tlsCert == "") != (r.now.tlsCert == ""): // TLS is switched on or off
		restart = append(restart, "tls-cert", "tls-key")
	case err != nil:
		failed = true
		r.log.Error().Err(err).Msg("certificate not reloaded, the one before stays in use")
	case next.tlsCert != r.now.tlsCert || next.tlsKey != r.now.tlsKey:
		changed = append(changed, "tls-cert", "tls-key")
		r.now.tlsCert, r.now.tlsKey = next.tlsCert, next.tlsKey
	}
	switch rotated, err := r.token.read(&next); {
	case err != nil:
		failed = true
		r.log.Error().Err(err).Msg("token of metrics not reloaded, the one before stays in use")
	case rotated:
		changed = append(changed, "metrics-token-file")
		fallthrough
	default:
		r.now.metricsFile = next.metricsFile
	}
	if next.logLevel != r.now.logLevel {
		changed = append(changed, "log-level")
		r.now.logLevel = next.logLevel
		zerolog.SetGlobalLevel(level)
	}
	after := options(&next)
	for i, before := range options(&r.now) {
		if *before.target != *after[i].target && !strings.HasPrefix(before.flag, "tls-") && before.flag != "metrics-token-file" {
			restart = append(restart, before.flag)
		}
	}
	// Whoever sent the signal waits for the answer, whatever the level.
	end, text, at := r.log.Log(), "configuration reloaded", zerolog.LevelInfoValue
	if failed {
		text, at = "configuration reloaded but for what has failed", zerolog.LevelErrorValue
	}
	end.Str(zerolog.LevelFieldName, at).Strs("changed", changed).Strs("needs_restart", restart).Str("file", next.file).Msg(text)
}
