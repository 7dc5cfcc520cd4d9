package core

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"trivium/core/content"
	"trivium/drivers"
)

// A space may take so long to open or to show its marker. A cloud that hangs must not hold up the start; it is
// tried again at the next renewal of the lease.
const (
	startPatience = 3 * time.Second
	spacePatience = 15 * time.Second
)

// SpaceSeed describes a space that is made on the first start. Config holds secrets, which are sealed before
// they are kept.
type SpaceSeed struct {
	Name, Kind string
	Config     drivers.Config
	// Domain is the failure domain; "": one for each path, or endpoint and account (S27).
	Domain     string
	WorkingDir string
	Weight     float64 // 0: 1
}

// openSpaces keeps the rows of spaces and the drivers that are open.
type openSpaces struct {
	mu      sync.RWMutex
	rows    []Space
	shared  map[content.SpaceID]bool // of administrators: they take content of other users too
	drivers map[content.SpaceID]drivers.Driver
	failed  map[content.SpaceID]error // why those without a driver are down
	limits  map[content.SpaceID]*spaceLimit
	removed map[content.SpaceID]bool // being removed: no commit may refer to them any more
	retired []retired
	opening sync.Mutex // held while drivers are opened: none is opened twice
}

// retired is a driver that another one of its space has taken the place of: calls may still be under way.
type retired struct {
	driver drivers.Driver
	since  time.Time
}

// retiredRest is how long a driver stays open after another one took its place.
const retiredRest = 10 * time.Minute

// leaving tells whether a space is being removed, or was.
func (o *openSpaces) leaving(id content.SpaceID) bool {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.removed[id]
}

// leave says that no commit may refer to a space any more, or that it may again.
func (o *openSpaces) leave(id content.SpaceID, leaves bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.removed == nil {
		o.removed = make(map[content.SpaceID]bool)
	}
	if leaves {
		o.removed[id] = true
	} else {
		delete(o.removed, id)
	}
}

// retire takes the driver of a space away, if it has one. It is closed later.
func (o *openSpaces) retire(id content.SpaceID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if d := o.drivers[id]; d != nil {
		o.retired = append(o.retired, retired{d, time.Now()})
		delete(o.drivers, id)
	}
	delete(o.failed, id)
}

// closeRetired closes drivers that were retired long ago.
func (o *openSpaces) closeRetired() error {
	o.mu.Lock()
	var old []drivers.Driver
	o.retired = slices.DeleteFunc(o.retired, func(r retired) bool {
		done := time.Since(r.since) >= retiredRest
		if done {
			old = append(old, r.driver)
		}
		return done
	})
	o.mu.Unlock()
	var failed error
	for _, d := range old {
		failed = errors.Join(failed, d.Close())
	}
	return failed
}

// usable returns the spaces that content of owner may go to, of those named or, with none named, of all, and
// tells whether one of them demands that content is sealed.
func (o *openSpaces) usable(owner int64, named []content.SpaceID) (ids []content.SpaceID, sealed bool) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	for _, row := range o.rows {
		if row.NoShards || row.Owner != owner && !o.shared[row.ID] {
			continue
		}
		if len(named) > 0 && !slices.Contains(named, row.ID) {
			continue
		}
		ids = append(ids, row.ID)
		sealed = sealed || row.Sealed
	}
	return ids, sealed
}

// domains counts the failure domains of spaces.
func (o *openSpaces) domains(ids []content.SpaceID) int {
	o.mu.RLock()
	defer o.mu.RUnlock()
	seen := make(map[string]bool)
	for _, row := range o.rows {
		if slices.Contains(ids, row.ID) {
			seen[row.Domain] = true
		}
	}
	return len(seen)
}

// row returns the first row that is says yes to.
func (o *openSpaces) row(is func(Space) bool) (Space, bool) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	i := slices.IndexFunc(o.rows, is)
	if i < 0 {
		return Space{}, false
	}
	return o.rows[i], true
}

// change changes the row of a space, if it is there.
func (o *openSpaces) change(id content.SpaceID, change func(*Space)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	// Others may hold the slice: it is replaced.
	o.rows = slices.Clone(o.rows)
	for i := range o.rows {
		if o.rows[i].ID == id {
			change(&o.rows[i])
		}
	}
}

// isShared tells whether a space takes content of others, since it is an administrator's.
func (o *openSpaces) isShared(row *Space) bool {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return row.Owner == 0 || o.shared[row.ID]
}

// name returns the name of a space, for people.
func (o *openSpaces) name(id content.SpaceID) string {
	row, ok := o.row(func(row Space) bool { return row.ID == id })
	if !ok {
		return fmt.Sprintf("space %d", id)
	}
	return row.Name
}

// state returns the state of a space that its row asks for.
func (o *openSpaces) state(id content.SpaceID) content.SpaceState {
	row, _ := o.row(func(row Space) bool { return row.ID == id })
	return spaceState(row.State)
}

// keep remembers the driver of a space; Close of the Service closes it.
func (o *openSpaces) keep(id content.SpaceID, d drivers.Driver) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.drivers == nil {
		o.drivers = make(map[content.SpaceID]drivers.Driver)
	}
	o.drivers[id] = d
	delete(o.failed, id)
}

// fail remembers why a space is down.
func (o *openSpaces) fail(id content.SpaceID, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failed == nil {
		o.failed = make(map[content.SpaceID]error)
	}
	o.failed[id] = err
}

// whyDown is why spaces are down; nil: none failed.
func (o *openSpaces) whyDown() error {
	o.mu.RLock()
	defer o.mu.RUnlock()
	var all []error
	for _, row := range o.rows {
		if err := o.failed[row.ID]; err != nil {
			all = append(all, fmt.Errorf("space %s: %w", row.Name, err))
		}
	}
	return errors.Join(all...)
}

// waiting returns the rows whose driver is not open.
func (o *openSpaces) waiting() []Space {
	o.mu.RLock()
	defer o.mu.RUnlock()
	var rows []Space
	for _, row := range o.rows {
		if o.drivers[row.ID] == nil {
			rows = append(rows, row)
		}
	}
	return rows
}

// close closes all drivers.
func (o *openSpaces) close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	var errs []error
	for _, d := range o.drivers {
		errs = append(errs, d.Close())
	}
	for _, r := range o.retired {
		errs = append(errs, r.driver.Close())
	}
	o.drivers, o.retired = nil, nil
	return errors.Join(errs...)
}
