package content

// Stored is what of a blob lies in one space.
type Stored struct {
	Space  SpaceID
	Shards int64
	Bytes  int64 // of the shards, headers and checksums included
}

// Stored returns what l keeps where, each space once, in no order. Shards that are nowhere do not count.
func (l *Layout) Stored() []Stored {
	all := make([]Stored, 0, l.N)
	last, size := -1, int64(0)
	for p := range l.Places() {
		if p.Segment != last {
			_, length := l.Segment(p.Segment)
			last, size = p.Segment, l.geometry(length).ShardSize()
		}
		if p.Space != 0 {
			all = count(all, p.Space, size)
		}
	}
	return all
}

// count adds one shard to what a space has.
func count(all []Stored, space SpaceID, size int64) []Stored {
	for i := range all {
		if all[i].Space == space {
			all[i].Shards++
			all[i].Bytes += size
			return all
		}
	}
	return append(all, Stored{space, 1, size})
}
