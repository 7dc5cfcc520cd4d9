package core

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"trivium/core/content"
	"trivium/drivers"
)

// openSpaces opens what the store knows, or makes the seeds when it knows nothing.
func (s *Service) openSpaces(ctx context.Context, seeds []SpaceSeed) error {
	if err := s.loadSpaces(ctx); err != nil {
		return err
	}
	if len(s.opened.waiting()) == 0 {
		if err := s.seedSpaces(ctx, seeds); err != nil {
			return err
		}
	} else {
		s.reopenSpaces(ctx, startPatience)
	}
	s.settleLoss(ctx)
	return nil
}

// SettingLostCommits is a setting that a store writes when it gives up commits of its log, by the operator's will. As
// long as it is there, any process may have used the spaces last: the lease of the one that did may be lost.
const SettingLostCommits = "log.lost"

// settleLoss deletes SettingLostCommits once every space is claimed for this process.
func (s *Service) settleLoss(ctx context.Context) {
	if !s.lostCommits.Load() || len(s.opened.waiting()) > 0 || s.readOnly.Load() != nil {
		return
	}
	err := s.meta.Update(MakingRoom(ctx), func(ctx context.Context, tx MetaTx) error {
		return tx.PutSetting(ctx, SettingLostCommits, nil)
	})
	if err != nil {
		s.log.Warn("that commits were lost is not forgotten", "error", err)
		return
	}
	s.lostCommits.Store(false)
}

// loadSpaces reads the rows.
func (s *Service) loadSpaces(ctx context.Context) error {
	var rows []Space
	var shared map[content.SpaceID]bool
	err := s.meta.View(ctx, func(ctx context.Context, tx MetaTx) error {
		var err error
		if rows, err = tx.Spaces(ctx); err != nil {
			return err
		}
		shared = make(map[content.SpaceID]bool)
		for _, row := range rows {
			u, _, err := tx.User(ctx, row.Owner)
			if err != nil {
				return err
			}
			shared[row.ID] = row.Owner == 0 || u.Admin
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.opened.mu.Lock()
	defer s.opened.mu.Unlock()
	s.opened.rows, s.opened.shared = rows, shared
	return nil
}

// reopenSpaces opens every space whose driver is not, all at once. One that fails is down until the next try.
func (s *Service) reopenSpaces(ctx context.Context, patience time.Duration) {
	s.opened.opening.Lock()
	defer s.opened.opening.Unlock()
	var wait sync.WaitGroup
	for _, row := range s.opened.waiting() {
		wait.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			if err := s.openSpace(ctx, row); err != nil {
				s.log.Warn("space is down", "space", row.Name, "error", err)
				s.opened.fail(row.ID, err)
				s.spaces.Set(contentSpace(row, nil))
			}
		})
	}
	wait.Wait()
}

// openSpace opens one space of a row and looks whether it is still this store's.
func (s *Service) openSpace(ctx context.Context, row Space) error {
	d, err := s.connect(s.learning(ctx, row.ID), row)
	if err != nil {
		return err
	}
	sp := contentSpace(row, d)
	if err := s.checkSpace(ctx, sp, row.Fresh); err != nil {
		me, ok := errors.AsType[*content.MarkerError](err)
		// A place that nothing was written to yet, or another space's place, is just not this space.
		if !ok || row.Fresh || errors.Is(err, content.ErrOtherSpace) {
			return errors.Join(err, d.Close())
		}
		// Its shards carry the store's id, so reading what is ours is safe.
		s.turnReadOnly(markerReadOnly(row.Name, me))
		sp.State = content.ReadOnly
	}
	if row.Fresh {
		if err := s.claimed(ctx, row.ID); err != nil {
			return errors.Join(err, d.Close())
		}
	}
	s.opened.keep(row.ID, d)
	s.spaces.Set(sp)
	return nil
}

// claimed notes that a space has its marker, before anything is written to it.
func (s *Service) claimed(ctx context.Context, id content.SpaceID) error {
	err := s.meta.Update(MakingRoom(ctx), func(ctx context.Context, tx MetaTx) error {
		row, err := spaceIn(ctx, tx, id)
		if err != nil {
			return err
		}
		row.Fresh = false
		return tx.PutSpace(ctx, row)
	})
	if err != nil {
		return err
	}
	s.opened.change(id, func(row *Space) { row.Fresh = false })
	return nil
}

// checkSpace compares the marker of a space and claims it for this process. A missing one is an error, so that nothing is
// written into the empty mount point of a disk that is not there; only content that ends with the process begins anew,
// and a fresh space gets its first one. An older epoch is raised (S25).
func (s *Service) checkSpace(ctx context.Context, sp content.Space, fresh bool) error {
	claim := s.claim()
	if fresh {
		claim = s.firstClaim()
	}
	_, err := content.CheckMarker(ctx, sp, claim)
	switch {
	case errors.Is(err, drivers.ErrNotExist) && (fresh || sp.Driver.Traits().Volatile):
	case errors.Is(err, drivers.ErrNotExist):
		return fmt.Errorf("trivium.json is missing (is the disk mounted?): %w", err)
	case err != nil:
		return err
	}
	_, err = content.ClaimSpace(ctx, sp, claim)
	return err
}

// firstClaim is the claim of a space that is new: it may lie where one was that was removed, or where a first start has
// claimed one that died before there was a row.
func (s *Service) firstClaim() content.Claim {
	c := s.claim()
	c.Gone = func(id content.SpaceID) bool {
		_, there := s.opened.row(func(row Space) bool { return row.ID == id })
		return !there
	}
	return c
}

// claim is how this process uses spaces.
func (s *Service) claim() content.Claim {
	c := content.Claim{
		StoreID: s.stamp.StoreID, Epoch: s.stamp.Epoch, Writer: s.incarnation, Knows: s.knowsWriter,
	}
	if s.lostCommits.Load() {
		c.Knows = nil // the lease of the last process may be among them
	}
	return c
}

// claimOf is how the space of that id is claimed; 0 is a new one.
func (s *Service) claimOf(id content.SpaceID) content.Claim {
	if id == 0 {
		return s.firstClaim()
	}
	return s.claim()
}

// knowsWriter tells whether a process had a lease of this store. Every process takes one before it claims a space.
func (s *Service) knowsWriter(ctx context.Context, incarnation uint64) (known bool, err error) {
	err = s.meta.View(ctx, func(ctx context.Context, tx MetaTx) error {
		_, known, err = tx.Lease(ctx, incarnation)
		return err
	})
	return known, err
}

// connect opens the driver of a row.
func (s *Service) connect(ctx context.Context, row Space) (drivers.Driver, error) {
	kind, ok := s.kindOf(&row)
	if !ok {
		return nil, fmt.Errorf("space %s: no kind that its owner may use is called %q", row.Name, row.Kind)
	}
	cfg, err := s.openConfig(&row)
	if err != nil {
		return nil, err
	}
	addFeatures(&kind, cfg, row.Features)
	d, err := kind.Open(ctx, row.Name, cfg)
	if err != nil {
		return nil, fmt.Errorf("open space %s: %w", row.Name, err)
	}
	if d.Traits().Volatile && !s.volatile {
		return nil, errors.Join(
			fmt.Errorf("space %s of kind %s would lose its content with the process", row.Name, row.Kind), d.Close())
	}
	return capped{d, row.Name, s.opened.limitOf(&row)}, nil
}

// contentSpace is a row as content sees it; without a driver it is down.
func contentSpace(row Space, d drivers.Driver) content.Space {
	sp := content.Space{
		ID: row.ID, Driver: d, WorkingDir: row.WorkingDir, Domain: row.Domain,
		Weight: row.Weight, State: spaceState(row.State), Sealed: row.Sealed,
	}
	if d == nil {
		sp.State = content.Down
	}
	return sp
}

// spaceState reads the state of a row; an unknown one is read-only.
func spaceState(name string) content.SpaceState {
	switch name {
	case "active":
		return content.Active
	case "draining":
		return content.Draining
	case "down", SpaceLost:
		return content.Down
	}
	return content.ReadOnly
}

// spaceSecrets names the owner of sealed secrets.
func spaceSecrets(id content.SpaceID) string { return fmt.Sprintf("space %d", id) }

// ClaimSpace marks a space as this store's anew when its marker is gone for good, such as that of a disk that was
// replaced by an empty one; it is used again then, and what it lost can be repaired. Administrators only. Errors:
// Forbidden, NotFound, ReadOnly when the space belongs to another store, Unavailable when it does not answer.
func (se *Session) ClaimSpace(ctx context.Context, name string) error {
	if err := se.requireAdmin(); err != nil {
		return err
	}
	row, ok := se.s.opened.row(func(row Space) bool { return row.Name == name })
	if !ok {
		return &Error{Code: NotFound, Path: name, Msg: "there is no such space"}
	}
	if err := se.s.claimSpace(ctx, row); err != nil {
		if me, ok := errors.AsType[*content.MarkerError](err); ok {
			return markerReadOnly(name, me)
		}
		return &Error{Code: Unavailable, Op: "claim space", Path: name, Msg: "the space does not answer", Err: err}
	}
	return nil
}

// claimSpace writes the marker of a row's space and puts the space to use.
func (s *Service) claimSpace(ctx context.Context, row Space) error {
	s.opened.opening.Lock()
	defer s.opened.opening.Unlock()
	sp, _ := s.spaces.Get(row.ID)
	if sp.Driver != nil {
		if _, err := content.ClaimSpace(ctx, sp, s.claim()); err != nil {
			return err
		}
		sp.State = spaceState(row.State)
		s.spaces.Set(sp)
		return nil
	}
	d, err := s.connect(s.learning(ctx, row.ID), row)
	if err != nil {
		return err
	}
	sp = contentSpace(row, d)
	if _, err := content.ClaimSpace(ctx, sp, s.claim()); err != nil {
		return errors.Join(err, d.Close())
	}
	s.opened.keep(row.ID, d)
	s.spaces.Set(sp)
	return nil
}

// seedSpaces makes the first spaces: each is opened and claimed before any row is written, so that a start that
// fails leaves nothing that the next one would find half-made.
func (s *Service) seedSpaces(ctx context.Context, seeds []SpaceSeed) error {
	rows := make([]Space, 0, len(seeds))
	for _, seed := range seeds {
		row, err := s.seedSpace(ctx, seed)
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	if claimed := s.readOnly.Load() == nil; !claimed || len(rows) == 0 {
		return nil
	}
	err := s.updateConfig(ctx, s.meta.Update, func(ctx context.Context, tx MetaTx) error {
		for _, row := range rows {
			if err := tx.PutSpace(ctx, row); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.loadSpaces(ctx)
}

// seedSpace opens and claims one space.
func (s *Service) seedSpace(ctx context.Context, seed SpaceSeed) (Space, error) {
	row, err := s.spaceRow(ctx, seed)
	if err != nil {
		return Space{}, err
	}
	learning := drivers.Learning(ctx, func(field, value string) error {
		row.Config[field] = value
		return nil
	})
	d, err := s.connect(learning, row)
	if err != nil {
		return Space{}, err
	}
	sp := contentSpace(row, d)
	s.opened.keep(row.ID, d)
	if _, err := content.ClaimSpace(ctx, sp, s.firstClaim()); err != nil {
		me, ok := errors.AsType[*content.MarkerError](err)
		if !ok {
			return Space{}, fmt.Errorf("claim space %s: %w", row.Name, err)
		}
		s.turnReadOnly(markerReadOnly(row.Name, me))
		sp.State = content.ReadOnly
	}
	s.spaces.Set(sp)
	return row, nil
}

// spaceRow makes the row of a seed, secrets sealed.
func (s *Service) spaceRow(ctx context.Context, seed SpaceSeed) (Space, error) {
	kind, ok := s.kinds[seed.Kind]
	if !ok {
		return Space{}, fmt.Errorf("space %s: no kind is called %q", seed.Name, seed.Kind)
	}
	if kind.Validate != nil {
		if err := kind.Validate(seed.Config); err != nil {
			return Space{}, fmt.Errorf("space %s: %w", seed.Name, err)
		}
	}
	id, err := s.nextID(ctx, "space")
	if err != nil {
		return Space{}, err
	}
	row := Space{
		ID: content.SpaceID(id), Name: seed.Name, Kind: seed.Kind, WorkingDir: seed.WorkingDir,
		Domain: seed.Domain, Weight: seed.Weight, State: "active", Sealed: !kind.Trusted, Revision: 1,
	}
	if row.Weight == 0 {
		row.Weight = 1
	}
	if row.Domain == "" {
		row.Domain = defaultDomain(seed)
	}
	row.Config, row.Secrets, err = s.sealConfig(row.ID, kind, seed.Config)
	return row, err
}

// sealConfig parts the settings of a space into those that may be shown and the sealed others.
func (s *Service) sealConfig(id content.SpaceID, kind drivers.Kind, cfg drivers.Config) (map[string]string, []byte, error) {
	open, secret := make(map[string]string), make(map[string]string)
	names := kind.Secrets()
	for k, v := range cfg {
		if slices.Contains(names, k) {
			secret[k] = v
		} else {
			open[k] = v
		}
	}
	if len(secret) == 0 {
		return open, nil, nil
	}
	data, err := json.Marshal(secret)
	if err != nil {
		return nil, nil, fmt.Errorf("secrets of space %d: %w", id, err)
	}
	return open, s.keys.Seal(spaceSecrets(id), data), nil
}

// defaultDomain is one for each path, or for each endpoint and account; a space with neither stands alone.
func defaultDomain(seed SpaceSeed) string {
	parts := []string{strings.ToLower(seed.Kind)}
	for _, field := range []string{
		"path", "endpoint", "url", "host", "port", "region", "account", "accessKeyId", "user", "projectID", "remote",
	} {
		v := seed.Config[field]
		switch field {
		case "path": // of a server it says nothing about what fails together
			if seed.Config["host"] != "" {
				continue
			}
		case "url":
			if u, err := url.Parse(v); err == nil {
				v = strings.ToLower(u.Host)
			}
		case "host":
			v = strings.ToLower(v)
		}
		if v != "" {
			parts = append(parts, v)
		}
	}
	if len(parts) == 1 {
		parts = append(parts, seed.Name)
	}
	return strings.Join(parts, " ")
}
