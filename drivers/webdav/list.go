package webdav

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"path"
	"slices"
	"strings"

	"trivium/drivers"
)

const (
	// maxMembers bounds the members of one directory, which are sorted in memory.
	maxMembers = 1 << 20
	// maxListed bounds a full name, so that a tree that a server makes up ends.
	maxListed = 16 << 10
)

// List implements drivers.Driver with one PROPFIND for each directory, whose members are read before the first is
// yielded; more than 1,048,576 of them are ErrBroken. Members whose names no name can mean are skipped.
func (d *Driver) List(ctx context.Context, prefix string, opts drivers.ListOptions) iter.Seq2[drivers.Info, error] {
	return func(yield func(drivers.Info, error) bool) {
		err := ctx.Err()
		if err == nil && prefix != "" {
			err = checkName(prefix)
		}
		if err == nil {
			err = drivers.Walk(ctx, prefix, opts, d.members, yield)
		}
		if err != nil && !errors.Is(err, drivers.ErrStop) {
			yield(drivers.Info{}, d.fail("list", prefix, err))
		}
	}
}

// members returns the members of a directory in the order of List: those that may come after start, or have members
// that may. A directory that is missing, or is a file, has none.
func (d *Driver) members(ctx context.Context, dir, start string) ([]drivers.Info, error) {
	c := d.collector(dir, start)
	if err := d.collect(ctx, c); err != nil {
		return nil, err
	}
	return c.infos()
}

// collect asks for the members of a directory; one that is missing has none.
func (d *Driver) collect(ctx context.Context, c *collector) error {
	_, err := d.client.multistatus(ctx, d.client.url(c.dir, true), "1", fileProperties, c.add)
	if statusOf(err) == http.StatusBadRequest {
		// Apache says so of a file.
		if m, statErr := d.client.stat(ctx, c.dir, false); statErr == nil && !m.dir || errors.Is(statErr, drivers.ErrNotExist) {
			return nil
		}
	}
	if c.dir != "" && errors.Is(err, drivers.ErrNotExist) {
		return nil
	}
	if errors.Is(err, drivers.ErrNotExist) {
		// Passing for empty would be taken for the loss of everything.
		return fmt.Errorf("%w: the collection of the space is gone", drivers.ErrBroken)
	}
	return err
}

// collector gathers the answer to one PROPFIND with Depth: 1.
type collector struct {
	root  []string // of the address that was asked
	dir   string
	start string
	found []member
	other int // members whose names no name can mean
}

func (d *Driver) collector(dir, start string) *collector {
	c := &collector{root: d.client.segments, dir: dir, start: start}
	if dir != "" {
		c.root = slices.Concat(c.root, strings.Split(dir, "/"))
	}
	return c
}

func (c *collector) add(m member) error {
	if len(c.found) >= maxMembers {
		return fmt.Errorf("%w: a directory of more than %d members", drivers.ErrBroken, maxMembers)
	}
	if m.status == http.StatusNotFound || m.status == http.StatusGone {
		return nil
	}
	if m.path == nil {
		c.other++
		return nil
	}
	if m.status >= http.StatusMultipleChoices {
		// The listing would be taken for whole without it.
		return &statusError{method: methodPropfind, status: m.status, asked: true}
	}
	c.found = append(c.found, m)
	return nil
}

// infos makes infos of what was gathered. Behind a proxy the addresses may begin with another path than the one that
// was asked: then the shortest is the directory's own.
func (c *collector) infos() ([]drivers.Info, error) {
	base := c.root
	own := func(m member) bool { return slices.Equal(m.path, base) }
	self := slices.IndexFunc(c.found, own)
	if self < 0 && len(c.found) > 0 && !slices.ContainsFunc(c.found, func(m member) bool { return below(m.path, base) }) {
		shortest := slices.MinFunc(c.found, func(a, b member) int { return cmp.Compare(len(a.path), len(b.path)) })
		base = shortest.path
		self = slices.IndexFunc(c.found, own)
	}
	if self >= 0 && !c.found[self].dir {
		return nil, nil // a file
	}
	infos := make([]drivers.Info, 0, len(c.found))
	for i := range c.found {
		m := &c.found[i]
		if own(*m) {
			continue
		}
		if !below(m.path, base) {
			return nil, fmt.Errorf("%w: the listing tells of what is not in the directory", drivers.ErrBroken)
		}
		last := m.path[len(m.path)-1]
		if c.dir == "" && strings.EqualFold(last, tempDir) {
			continue
		}
		name := path.Join(c.dir, last)
		if len(name) > maxListed {
			return nil, fmt.Errorf("%w: a name of more than %d bytes", drivers.ErrBroken, maxListed)
		}
		info, err := m.info(name)
		if err != nil {
			return nil, err
		}
		if key := info.Key(); key > c.start || info.IsDir && strings.HasPrefix(c.start, key) {
			infos = append(infos, info)
		}
	}
	slices.SortFunc(infos, func(a, b drivers.Info) int { return cmp.Compare(a.Key(), b.Key()) })
	return slices.CompactFunc(infos, func(a, b drivers.Info) bool { return a.Key() == b.Key() }), nil
}

// below tells whether p is a direct member of dir.
func below(p, dir []string) bool { return len(p) == len(dir)+1 && slices.Equal(p[:len(dir)], dir) }
