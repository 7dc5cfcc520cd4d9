// Package coretest makes a real Service for tests: SQLite in a temporary directory, spaces in memory, cheap hashes of
// passwords, an administrator's session. Its Model runs random histories against a plain map.
package coretest

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"trivium/core"
	"trivium/core/meta/sqlite"
	"trivium/drivers"
	"trivium/drivers/memory"
)

// Options say what kind of Service a test wants. The zero value has one space and no faults.
type Options struct {
	// Spaces is how many spaces in memory there are; 0: 1.
	Spaces int
	// Wrap, when not nil, decorates the driver of each space (faults, delays).
	Wrap func(space string, d drivers.Driver) drivers.Driver
	// WrapMeta, when not nil, decorates the metadata store that the Service gets (metatest.Twice).
	WrapMeta func(core.MetaStore) core.MetaStore
	// Hook and Now are those of core.Config.
	Hook func(point string)
	Now  func() time.Time
	// PlainBasic is that of core.Config.
	PlainBasic bool
	// InlineMax is as in core.Config.
	InlineMax int64
	// Budget is the memory of transfers in bytes; 0: core's default.
	Budget int64
	// FreeSpace is that of core.Config: below the reserve nothing is written.
	FreeSpace func() (int64, error)
	// Dir holds the metadata; "": a temporary directory of the test.
	Dir string
	// Discard makes the spaces forget content, for benchmarks of writing.
	Discard bool
	// Kinds are others than Memory that administrators may use, UserKinds those of other users.
	Kinds, UserKinds []drivers.Kind
}

// AdminID is the user that Env.Admin is. It has no password, which saves a hash; sequences do not reach it.
const AdminID = 1 << 40

// Env is a running Service with what it stands on. Restart replaces Service, Meta and Admin.
type Env struct {
	Service *core.Service
	Meta    *sqlite.Store
	Admin   *core.Session // the administrator's

	opts      Options
	keys      *core.MasterKeys
	kinds     []drivers.Kind
	abandoned []abandoned
}

// abandoned is a Service that another one took the place of without its knowing.
type abandoned struct {
	service *core.Service
	meta    *sqlite.Store
}

// New starts a Service that ends with the test.
func New(tb testing.TB, opts Options) *Env {
	tb.Helper()
	if opts.Dir == "" {
		opts.Dir = tb.TempDir()
	}
	if opts.Spaces == 0 {
		opts.Spaces = 1
	}
	e := &Env{opts: opts, keys: core.GenerateMasterKeys()}
	e.kinds = append([]drivers.Kind{wrapped(memory.Kind(new(memory.Registry)), opts.Wrap)}, opts.Kinds...)
	if err := e.start(context.WithoutCancel(tb.Context())); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		e.bury(context.Background())
		if err := e.Stop(context.Background()); err != nil {
			tb.Errorf("stop service: %v", err)
		}
	})
	return e
}

// wrapped decorates the drivers that a kind opens.
func wrapped(k drivers.Kind, wrap func(string, drivers.Driver) drivers.Driver) drivers.Kind {
	if wrap == nil {
		return k
	}
	open := k.Open
	k.Open = func(ctx context.Context, name string, cfg drivers.Config) (drivers.Driver, error) {
		d, err := open(ctx, name, cfg)
		if err != nil {
			return nil, err
		}
		return wrap(name, d), nil
	}
	return k
}

// start opens the store and the Service.
func (e *Env) start(ctx context.Context) error {
	meta, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(e.opts.Dir, "trivium.db")})
	if err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	var store core.MetaStore = meta
	if e.opts.WrapMeta != nil {
		store = e.opts.WrapMeta(meta)
	}
	cfg := core.Config{
		Meta: store, Keys: e.keys, Kinds: e.kinds, UserKinds: e.opts.UserKinds, Budget: e.opts.Budget, InlineMax: e.opts.InlineMax,
		Holder: "coretest", Hook: e.opts.Hook, Now: e.opts.Now, Volatile: true, PlainBasic: e.opts.PlainBasic,
		FreeSpace: e.opts.FreeSpace, CheapPasswords: true,
	}
	for i := range e.opts.Spaces {
		name := fmt.Sprintf("space%d", i+1)
		seed := core.SpaceSeed{Name: name, Kind: "Memory", Domain: name, Config: drivers.Config{"name": name}}
		if e.opts.Discard {
			seed.Config["discard"] = "true"
		}
		cfg.Spaces = append(cfg.Spaces, seed)
	}
	s, err := core.Open(ctx, cfg)
	if err != nil {
		return errors.Join(fmt.Errorf("open service: %w", err), meta.Close())
	}
	err = meta.Update(ctx, func(ctx context.Context, tx core.MetaTx) error {
		return tx.PutUser(ctx, core.User{ID: AdminID, Name: "admin", Admin: true})
	})
	if err != nil {
		return errors.Join(fmt.Errorf("make administrator: %w", err), s.Close(ctx), meta.Close())
	}
	e.Meta, e.Service = meta, s
	e.Admin = s.Session(core.Principal{UserID: AdminID, Name: "admin", Admin: true})
	return nil
}

// Stop ends the Service and closes the store. It may be called twice.
func (e *Env) Stop(ctx context.Context) error {
	if e.Service == nil {
		return nil
	}
	err := e.Service.Close(ctx)
	if cerr := e.Meta.Close(); err == nil {
		err = cerr
	}
	e.Service, e.Meta, e.Admin = nil, nil, nil
	return err
}

// Restart stops the Service and starts it again on the same metadata and spaces.
func (e *Env) Restart(ctx context.Context) error {
	if err := e.Stop(ctx); err != nil {
		return err
	}
	return e.start(ctx)
}

// Bucket makes a bucket of the administrator's with that versioning and policy.
func (e *Env) Bucket(ctx context.Context, name string, v core.Versioning, p core.BucketPolicy) (core.Bucket, error) {
	b, err := e.Admin.CreateBucket(ctx, name, core.CreateBucketOptions{})
	if err != nil {
		return b, err
	}
	if err := e.Admin.SetPolicy(ctx, name, p); err != nil {
		return b, err
	}
	if v != core.VersioningOff {
		if err := e.Admin.SetVersioning(ctx, name, v); err != nil {
			return b, err
		}
	}
	return e.Admin.Bucket(ctx, name)
}

// Abandon starts a second Service on the same files and spaces beside the running one, as after a crash that left
// a process hanging, and makes it Env's. The old one, which it returns, has lost its lease: its commits fail. It
// is closed at the end of the test.
func (e *Env) Abandon(ctx context.Context) (*core.Service, error) {
	old := abandoned{e.Service, e.Meta}
	e.abandoned = append(e.abandoned, old)
	return old.service, e.start(ctx)
}

// bury ends the abandoned Services. That their last rows cannot be written any more is as it should be.
func (e *Env) bury(ctx context.Context) {
	for _, a := range e.abandoned {
		_ = a.service.Close(ctx)
		_ = a.meta.Close()
	}
	e.abandoned = nil
}
