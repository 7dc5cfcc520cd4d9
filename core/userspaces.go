package core

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"trivium/core/content"
	"trivium/drivers"
)

const (
	maxSpaceName   = 255
	maxSpaces      = 300      // of one owner: more than the pieces that an object can have
	maxSpaceConfig = 64 << 10 // bytes of all settings of a space
	maxWorkingDir  = 512
	// testPatience is how long a test of a space takes at most.
	testPatience = 30 * time.Second
	// HiddenSecret stands for a secret that is not shown; where one is given it means the one that is kept.
	HiddenSecret = "******"
)

// NewSpace is what CreateSpace makes. The zero value of what is not required is the common case.
type NewSpace struct {
	Name, Kind string
	Config     drivers.Config // secrets included
	WorkingDir string         // below which all of the store's is; "": the root of the storage
	Domain     string         // failure domain; "": one for each path, or endpoint and account (S27)
	Weight     float64        // share of new shards relative to others; 0: 1
	State      string         // active, readOnly, draining or down; "": active
	NoShards   bool
	MaxSize    int64 // bytes; 0: no limit
	Features   []SpaceFeature
}

// SpaceChange is what UpdateSpace changes; what is nil stays.
type SpaceChange struct {
	Name     *string
	Config   drivers.Config // credentials, HiddenSecret for one that stays; nil: all stay
	Learned  drivers.Config // by what the storage is known again (drivers.Field.Learned); what is not in it stays
	Domain   *string
	Weight   *float64
	State    *string
	NoShards *bool
	MaxSize  *int64
	Features *[]SpaceFeature
}

// SpaceField describes one setting of a kind of space.
type SpaceField = drivers.Field

// SpaceFieldType says how people write a SpaceField's value in JSON.
type SpaceFieldType = drivers.FieldType

// The types of a SpaceField's value in JSON.
const (
	SpaceText   = drivers.Text
	SpaceNumber = drivers.Number
	SpaceFlag   = drivers.Flag
)

// SpaceFields returns the settings of a kind, and whether the caller may make spaces of it.
func (se *Session) SpaceFields(kind string) ([]SpaceField, bool) {
	k, ok := se.s.kindsFor(se.requireAdmin() == nil)[kind]
	return settings(&k), ok
}

// settings are the fields of a kind that people give.
func settings(k *drivers.Kind) []SpaceField {
	return slices.DeleteFunc(slices.Clone(k.Fields), func(f SpaceField) bool { return f.Feature != "" || f.Fixed })
}

// SpaceKind is a sort of storage that spaces may be of.
type SpaceKind struct {
	Name     string
	Fields   []SpaceField
	Features []string
}

// SpaceKinds returns the kinds that the caller may make spaces of, by name.
func (se *Session) SpaceKinds() []SpaceKind {
	var kinds []SpaceKind
	for name, k := range se.s.kindsFor(se.requireAdmin() == nil) {
		kinds = append(kinds, SpaceKind{name, settings(&k), k.Features})
	}
	slices.SortFunc(kinds, func(a, b SpaceKind) int { return strings.Compare(a.Name, b.Name) })
	return kinds
}

// MayUseKind returns BadArgument for a kind that is not known, which names those that are, and Forbidden for one that is
// for administrators alone.
func (se *Session) MayUseKind(kind string) error {
	_, err := se.kind(kind)
	return err
}

// kindsFor returns what spaces of administrators, or of others, may be.
func (s *Service) kindsFor(admin bool) map[string]drivers.Kind {
	if admin {
		return s.kinds
	}
	return s.userKinds
}

// kindOf returns the kind of a row, as its owner may use it.
func (s *Service) kindOf(row *Space) (drivers.Kind, bool) {
	k, ok := s.kindsFor(s.opened.isShared(row))[row.Kind]
	return k, ok
}

// Spaces returns the spaces of the caller, to administrators all, by id. Their Secrets are left out. Errors:
// Unauthorized, Overloaded.
func (se *Session) Spaces(ctx context.Context) ([]Space, error) {
	if err := se.requireUser(se.p.UserID); err != nil {
		return nil, err
	}
	var rows []Space
	err := se.s.view(ctx, func(ctx context.Context, tx MetaTx) error {
		all, err := tx.Spaces(ctx)
		rows = slices.DeleteFunc(all, func(row Space) bool { return !se.sees(&row) })
		return err
	})
	for i := range rows {
		rows[i].Secrets = nil
	}
	return rows, fail("spaces", "", err)
}

// sees tells whether a space is the caller's or he is an administrator.
func (se *Session) sees(row *Space) bool {
	return se.requireAdmin() == nil || row.Owner != 0 && row.Owner == se.p.UserID
}

// Space returns one of Spaces. Errors: NotFound, Unauthorized, Overloaded.
func (se *Session) Space(ctx context.Context, id content.SpaceID) (Space, error) {
	row, err := se.spaceRow(ctx, id)
	row.Secrets = nil
	return row, err
}

// spaceRow is Space with the sealed secrets.
func (se *Session) spaceRow(ctx context.Context, id content.SpaceID) (row Space, err error) {
	if err := se.requireUser(se.p.UserID); err != nil {
		return row, err
	}
	err = se.s.view(ctx, func(ctx context.Context, tx MetaTx) error {
		row, err = se.spaceIn(ctx, tx, id)
		return err
	})
	return row, fail("space", "", err)
}

// spaceIn reads a space that the caller sees.
func (se *Session) spaceIn(ctx context.Context, tx MetaTx, id content.SpaceID) (Space, error) {
	row, err := spaceIn(ctx, tx, id)
	if err == nil && !se.sees(&row) {
		return Space{}, unknownSpace(id)
	}
	return row, err
}

// spaceIn reads a space that must be there.
func spaceIn(ctx context.Context, tx MetaTx, id content.SpaceID) (Space, error) {
	rows, err := tx.Spaces(ctx)
	if err != nil {
		return Space{}, err
	}
	i := slices.IndexFunc(rows, func(row Space) bool { return row.ID == id })
	if i < 0 {
		return Space{}, unknownSpace(id)
	}
	return rows[i], nil
}

func unknownSpace(id content.SpaceID) error {
	return &Error{Code: NotFound, Path: "space " + strconv.FormatInt(int64(id), 10), Msg: "there is no such space"}
}

// SpaceConfig returns the settings of a space. Secrets are HiddenSecret, and empty where there is none, unless show says
// so and the caller is an administrator. Errors: those of Space.
func (se *Session) SpaceConfig(ctx context.Context, id content.SpaceID, show bool) (drivers.Config, error) {
	row, err := se.spaceRow(ctx, id)
	if err != nil {
		return nil, err
	}
	cfg, err := se.s.openConfig(&row)
	if err != nil || show && se.requireAdmin() == nil {
		return cfg, err
	}
	if kind, ok := se.s.kinds[row.Kind]; ok {
		for _, name := range kind.Secrets() {
			if cfg[name] != "" {
				cfg[name] = HiddenSecret
			}
		}
	}
	return cfg, nil
}

// openConfig returns the settings of a row with its secrets.
func (s *Service) openConfig(row *Space) (drivers.Config, error) {
	cfg := make(drivers.Config, len(row.Config))
	maps.Copy(cfg, row.Config)
	if len(row.Secrets) == 0 {
		return cfg, nil
	}
	secrets, err := s.keys.Unseal(spaceSecrets(row.ID), row.Secrets)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(secrets, &cfg); err != nil {
		// Not wrapped: its text may quote the secret.
		return nil, fmt.Errorf("space %s: secrets are not a JSON object", row.Name)
	}
	return cfg, nil
}

// CreateSpace makes a space of the caller. It does not wait until the space is connected: SpaceStatus tells how that
// went. Errors: BadArgument, which names the field; Exists for a name that another space of the owner has; Forbidden for
// kinds and settings that only administrators may use; Unauthorized, Overloaded, ReadOnly.
func (se *Session) CreateSpace(ctx context.Context, n NewSpace) (Space, error) {
	if err := se.requireUser(se.p.UserID); err != nil {
		return Space{}, err
	}
	if err := n.check(); err != nil {
		return Space{}, err
	}
	kind, err := se.kind(n.Kind)
	if err != nil {
		return Space{}, err
	}
	id, err := se.s.nextID(ctx, "space")
	if err != nil {
		return Space{}, fail("create space", n.Name, err)
	}
	cfg := filledConfig(&kind, n.Config, id)
	if err := checkConfig(&kind, cfg); err != nil {
		return Space{}, err
	}
	row := Space{
		ID: content.SpaceID(id), Name: n.Name, Owner: se.p.UserID, Kind: n.Kind, WorkingDir: n.WorkingDir, Domain: n.Domain,
		Weight: n.Weight, State: n.State, Sealed: !kind.Trusted, NoShards: n.NoShards, MaxSize: n.MaxSize,
		Features: n.Features, Revision: 1, Fresh: true,
	}
	if err := checkFeatures(&kind, n.Features, n.NoShards); err != nil {
		return Space{}, err
	}
	row.fill(n.Config)
	if row.Config, row.Secrets, err = se.s.sealConfig(row.ID, kind, cfg); err != nil {
		return Space{}, err
	}
	err = se.changeSpaces(ctx, func(ctx context.Context, tx MetaTx) error { return putNamed(ctx, tx, &row) })
	if err != nil {
		return Space{}, fail("create space", n.Name, err)
	}
	row.Secrets = nil
	return row, nil
}

// fill sets what the maker of a space left to its defaults.
func (row *Space) fill(cfg drivers.Config) {
	if row.Weight == 0 {
		row.Weight = 1
	}
	if row.State == "" {
		row.State = "active"
	}
	if row.Domain == "" {
		row.Domain = defaultDomain(SpaceSeed{Name: row.Name + " " + strconv.FormatInt(int64(row.ID), 10), Kind: row.Kind, Config: cfg})
	}
}

// kind returns a kind that the caller may use.
func (se *Session) kind(name string) (drivers.Kind, error) {
	if k, ok := se.s.kindsFor(se.requireAdmin() == nil)[name]; ok {
		return k, nil
	}
	if _, ok := se.s.kinds[name]; ok {
		return drivers.Kind{}, Errorf(Forbidden, "", "only administrators may make spaces of type %s", name)
	}
	known := slices.Sorted(maps.Keys(se.s.kinds))
	return drivers.Kind{}, Errorf(BadArgument, "", "storage.type: unknown type %q; known: %s", name, strings.Join(known, ", "))
}

// putNamed writes the row of a space unless another one of its owner has the name.
func putNamed(ctx context.Context, tx MetaTx, row *Space) error {
	all, err := tx.Spaces(ctx)
	if err != nil {
		return err
	}
	others := 0
	for i := range all {
		if all[i].ID == row.ID || all[i].Owner != row.Owner {
			continue
		}
		if others++; all[i].Name == row.Name {
			return &Error{Code: Exists, Path: row.Name, Msg: "you have a space of that name already"}
		}
	}
	if others >= maxSpaces {
		return Errorf(Conflict, row.Name, "you have %d spaces, which is the most; remove one first", others)
	}
	return tx.PutSpace(ctx, *row)
}

// changeSpaces runs fn, which changes rows of spaces, and opens what is new or changed.
func (se *Session) changeSpaces(ctx context.Context, fn func(ctx context.Context, tx MetaTx) error) error {
	err := se.updateConfig(ctx, func(ctx context.Context, tx MetaTx) error {
		if err := se.s.checkWriter(ctx, tx); err != nil {
			return err
		}
		if err := se.confirm(ctx, tx, new(generation)); err != nil {
			return err
		}
		return fn(ctx, tx)
	})
	if err != nil {
		return err
	}
	if err := se.s.loadSpaces(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	se.s.openSoon()
	return nil
}

// openSoon opens spaces that are not, without waiting for them.
func (s *Service) openSoon() {
	select {
	case s.wake <- struct{}{}:
	default: // it is about to happen anyway
	}
}

// UpdateSpace changes a space; its revision goes up by one. Errors: those of CreateSpace; NotFound; Conflict when it holds
// shards and is to hold none.
func (se *Session) UpdateSpace(ctx context.Context, id content.SpaceID, c SpaceChange) (Space, error) {
	if err := c.check(); err != nil {
		return Space{}, err
	}
	old, err := se.spaceRow(ctx, id)
	if err != nil {
		return Space{}, err
	}
	kind, ok := se.s.kindOf(&old)
	if !ok {
		return Space{}, Errorf(BadArgument, old.Name, "there is no kind %s in this program", old.Kind)
	}
	row := old
	if err := se.s.apply(&row, &kind, &c); err != nil {
		return Space{}, err
	}
	err = se.changeSpaces(ctx, func(ctx context.Context, tx MetaTx) error {
		now, err := se.spaceIn(ctx, tx, id)
		if err != nil {
			return err
		}
		if now.Revision != old.Revision {
			return &Error{Code: Conflict, Path: old.Name, Msg: "somebody else changed the space meanwhile; try again"}
		}
		if use, err := SpaceUsage(ctx, tx, id); err != nil || row.NoShards && use.Objects > 0 {
			return orErr(err, Errorf(Conflict, old.Name, "shardStore: %d shards are in the space; drain it first", use.Objects))
		}
		next := row
		next.Revision, next.Fresh = now.Revision+1, now.Fresh
		next.Config = withLearned(&kind, next.Config, now.Config)
		if err := putNamed(ctx, tx, &next); err != nil {
			return err
		}
		row.Revision = next.Revision
		return nil
	})
	if err != nil {
		return Space{}, fail("update space", old.Name, err)
	}
	if c.Config != nil || len(c.Learned) > 0 {
		se.s.opened.retire(id)
		se.s.openSoon()
	} else {
		se.s.applyState(row)
	}
	se.s.opened.leave(id, false) // it may have been given up
	row.Secrets = nil
	return row, nil
}

// orErr returns err, or that other error where there is none.
func orErr(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// applyState makes the change of a row hold for the space that is open.
func (s *Service) applyState(row Space) {
	sp, ok := s.spaces.Get(row.ID)
	if !ok || sp.Driver == nil {
		return
	}
	sp.Domain, sp.Weight, sp.State = row.Domain, row.Weight, spaceState(row.State)
	s.spaces.Set(sp)
	s.opened.limitOf(&row)
}

// apply changes a row as c says.
func (s *Service) apply(row *Space, kind *drivers.Kind, c *SpaceChange) error {
	set(&row.Name, c.Name)
	set(&row.Domain, c.Domain)
	set(&row.Weight, c.Weight)
	set(&row.State, c.State)
	set(&row.NoShards, c.NoShards)
	set(&row.MaxSize, c.MaxSize)
	set(&row.Features, c.Features)
	if err := checkFeatures(kind, row.Features, row.NoShards); err != nil {
		return err
	}
	if c.Config == nil && len(c.Learned) == 0 {
		return nil
	}
	cfg, err := s.openConfig(row)
	if err != nil {
		return err
	}
	if c.Config != nil {
		err = changeCredentials(cfg, row.Name, kind, c.Config)
	}
	if err == nil {
		err = changeLearned(cfg, row.Name, kind, c.Learned)
	}
	if err != nil {
		return err
	}
	if err := checkConfig(kind, cfg); err != nil {
		return err
	}
	row.Config, row.Secrets, err = s.sealConfig(row.ID, *kind, cfg)
	return err
}

// changeLearned changes by what the storage of a space is known again. Nothing is no value for it: whoever shows up next
// would be taken for the storage.
func changeLearned(cfg drivers.Config, space string, kind *drivers.Kind, changed drivers.Config) error {
	for name, value := range changed {
		switch {
		case !slices.ContainsFunc(kind.Fields, func(f drivers.Field) bool { return f.Name == name && f.Learned }):
			return Errorf(BadArgument, space, "storage.%s: it cannot be changed", name)
		case strings.TrimSpace(value) == "":
			return Errorf(BadArgument, space, "storage.%s: it cannot be taken away; give the new one", name)
		}
		cfg[name] = value
	}
	return nil
}

// changeCredentials makes the credentials of a space those of changed.
func changeCredentials(cfg drivers.Config, space string, kind *drivers.Kind, changed drivers.Config) error {
	for _, f := range kind.Fields {
		if !f.Credential && !f.Secret {
			continue
		}
		if v, given := changed[f.Name]; !given {
			delete(cfg, f.Name)
		} else if v != HiddenSecret || !f.Secret {
			cfg[f.Name] = v
		}
	}
	for name := range changed {
		if !slices.ContainsFunc(kind.Fields, func(f drivers.Field) bool { return f.Name == name && (f.Credential || f.Secret) }) {
			return Errorf(BadArgument, space, "credential.%s: there is no such field", name)
		}
	}
	return nil
}

// set changes a value if there is a new one.
func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// SpaceLost is the state of a space that was given up while content was in it: it is not called any more, what it held is
// rebuilt elsewhere, and its row goes with the last of it. UpdateSpace takes it back.
const SpaceLost = "lost"

// DeleteSpace removes a space that no content and no policy of a bucket refers to; nothing in it is touched. A missing one
// is no error. With force a space that holds content becomes SpaceLost: what cannot be rebuilt from other spaces is lost
// with it. Errors: Conflict, which counts what is in the way; Unauthorized, Overloaded, ReadOnly.
func (se *Session) DeleteSpace(ctx context.Context, id content.SpaceID, force bool) error {
	row, err := se.spaceRow(ctx, id)
	if err != nil {
		if CodeOf(err) == NotFound {
			return nil
		}
		return err
	}
	// A commit that comes before the one below is counted there, one that comes after it is refused.
	se.s.opened.leave(id, true)
	lost := false
	err = se.changeSpaces(ctx, func(ctx context.Context, tx MetaTx) error {
		use, err := SpaceUsage(ctx, tx, id)
		if err != nil {
			return err
		}
		if use.Objects > 0 && !force {
			return Errorf(Conflict, row.Name, "%d shards (%d bytes) of objects are in the space; drain it first", use.Objects, use.Bytes)
		}
		if err := spaceNamed(ctx, tx, row); err != nil {
			return err
		}
		if lost = use.Objects > 0; !lost {
			return tx.DeleteSpace(ctx, id)
		}
		now, err := se.spaceIn(ctx, tx, id)
		if err != nil {
			return err
		}
		now.State, now.Revision = SpaceLost, now.Revision+1
		return tx.PutSpace(ctx, now)
	})
	if err != nil {
		se.s.opened.leave(id, false)
		return fail("delete space", row.Name, err)
	}
	if lost {
		row.State = SpaceLost
		se.s.applyState(row)
		return nil
	}
	se.s.forgetSpace(id)
	return nil
}

// forgetSpace drops what is known of a space whose row is gone.
func (s *Service) forgetSpace(id content.SpaceID) {
	s.spaces.Remove(id)
	s.opened.retire(id)
}

// DropLost removes the rows of spaces that were given up and hold nothing any more.
func (m *Maintenance) DropLost(ctx context.Context) error {
	var gone []content.SpaceID
	err := m.s.updateConfig(ctx, m.s.meta.Update, func(ctx context.Context, tx MetaTx) error {
		gone = nil
		rows, err := tx.Spaces(ctx)
		if err != nil {
			return err
		}
		for i := range rows {
			use, err := SpaceUsage(ctx, tx, rows[i].ID)
			if err != nil {
				return err
			}
			if rows[i].State != SpaceLost || use.Objects > 0 {
				continue
			}
			if err := tx.DeleteSpace(ctx, rows[i].ID); err != nil {
				return err
			}
			gone = append(gone, rows[i].ID)
		}
		return nil
	})
	if err != nil || len(gone) == 0 {
		return err
	}
	for _, id := range gone {
		m.s.forgetSpace(id)
	}
	return m.s.loadSpaces(ctx)
}

// spaceNamed returns Conflict when the policy of a bucket names a space.
func spaceNamed(ctx context.Context, tx MetaTx, row Space) error {
	const page = 500
	for after := ""; ; {
		buckets, err := tx.Buckets(ctx, after, page, false)
		if err != nil {
			return err
		}
		for i := range buckets {
			after = buckets[i].Name
			if slices.Contains(buckets[i].Policy.Spaces, row.ID) {
				return Errorf(Conflict, row.Name, "the policy of bucket %s names the space; change it first", after)
			}
		}
		if len(buckets) < page {
			return nil
		}
	}
}
