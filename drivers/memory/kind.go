package memory

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	"trivium/drivers"
)

// Registry keeps named stores, so that what was put through one driver is found by the next one that opens the
// name. The zero value is empty and ready. Safe for concurrent use.
type Registry struct {
	mu     sync.Mutex
	stores map[string]*store
}

// Open returns a driver on the named store, which is made with capacity and discard (see NewLimited and NewDiscard)
// if it is not there yet.
func (r *Registry) Open(name string, capacity int64, discard bool) *Driver {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stores == nil {
		r.stores = map[string]*store{}
	}
	s, ok := r.stores[name]
	if !ok {
		s = newStore(capacity, discard)
		r.stores[name] = s
	}
	return &Driver{space: name, s: s}
}

// Kind registers spaces in the memory of reg. Its fields: "name" is the store's name in reg (default: the space's
// name), "capacity" its limit in bytes (default: none), "discard" = "true" throws the content away.
func Kind(reg *Registry) drivers.Kind {
	return drivers.Kind{
		Name: "Memory",
		Fields: []drivers.Field{
			{Name: "name", Help: "name of the store in the process; spaces with one name share it"},
			{Name: "capacity", Help: "most bytes of content; 0: no limit", Default: "0", Type: drivers.Number},
			{Name: "discard", Help: "true: keep names and sizes only, for benchmarks", Default: "false", Type: drivers.Flag},
		},
		Trusted: true,
		Validate: func(cfg drivers.Config) error {
			_, _, err := parse(cfg)
			return err
		},
		Open: func(_ context.Context, name string, cfg drivers.Config) (drivers.Driver, error) {
			capacity, discard, err := parse(cfg)
			if err != nil {
				return nil, err
			}
			in := cfg["name"]
			if in == "" {
				in = name
			}
			d := reg.Open(in, capacity, discard)
			d.space = name
			return d, nil
		},
	}
}

func parse(cfg drivers.Config) (capacity int64, discard bool, err error) {
	if v := cfg["capacity"]; v != "" {
		if capacity, err = strconv.ParseInt(v, 10, 64); err != nil || capacity < 0 {
			return 0, false, fmt.Errorf("capacity %q: want a number of bytes", v)
		}
	}
	if v := cfg["discard"]; v != "" {
		if discard, err = strconv.ParseBool(v); err != nil {
			return 0, false, fmt.Errorf("discard %q: want true or false", v)
		}
	}
	return capacity, discard, nil
}
