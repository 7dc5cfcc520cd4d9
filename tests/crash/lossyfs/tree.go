package lossyfs

import (
	"maps"
	"math/rand/v2"
	"syscall"
	"time"
)

// pageSize is the unit in which unsynced content is kept or dropped, in bytes: what a disk writes at once.
const pageSize = 4096

// page is a piece of a file. Pages that a sync made durable are never written again: a write copies them.
type page *[pageSize]byte

// state is what a file or directory is, as the running system sees it or as the disk has it.
type state struct {
	size    int64
	pages   map[int64]page    // of a file; a missing one is a hole
	entries map[string]*inode // of a directory
}

// inode is one file or directory in both of its states.
type inode struct {
	number  uint64
	dir     bool
	mode    uint32
	mtime   time.Time
	live    state
	durable state
	dirty   map[int64]struct{} // pages of a file that differ from the durable ones
	moved   bool               // it was renamed: no name of it goes before the new one is durable
}

// newInode makes an empty file or directory of which nothing is durable.
func newInode(number uint64, dir bool, mode uint32) *inode {
	in := &inode{number: number, dir: dir, mode: mode & 0o7777, mtime: time.Now()}
	if dir {
		in.live.entries, in.durable.entries = make(map[string]*inode), make(map[string]*inode)
		return in
	}
	in.live.pages, in.durable.pages = make(map[int64]page), make(map[int64]page)
	in.dirty = make(map[int64]struct{})
	return in
}

// read copies content from off into p and returns how much there was.
func (in *inode) read(p []byte, off int64) int {
	if off >= in.live.size {
		return 0
	}
	p = p[:min(int64(len(p)), in.live.size-off)]
	for done := 0; done < len(p); {
		at := off + int64(done)
		n := min(len(p)-done, int(pageSize-at%pageSize))
		if pg := in.live.pages[at/pageSize]; pg != nil {
			copy(p[done:done+n], pg[at%pageSize:])
		} else {
			clear(p[done : done+n])
		}
		done += n
	}
	return len(p)
}

// write changes the live content alone.
func (in *inode) write(p []byte, off int64) {
	for done := 0; done < len(p); {
		at := off + int64(done)
		done += copy(in.writable(at / pageSize)[at%pageSize:], p[done:])
	}
	in.live.size = max(in.live.size, off+int64(len(p)))
	in.mtime = time.Now()
}

// writable returns the live page of that number, apart from the durable one.
func (in *inode) writable(number int64) page {
	pg := in.live.pages[number]
	if _, dirty := in.dirty[number]; dirty && pg != nil {
		return pg
	}
	fresh := new([pageSize]byte)
	if pg != nil {
		*fresh = *pg
	}
	in.live.pages[number] = fresh
	in.dirty[number] = struct{}{}
	return fresh
}

// truncate changes the live size; what a growth adds is zero.
func (in *inode) truncate(size int64) {
	if size < in.live.size {
		for number := range in.live.pages {
			if number*pageSize >= size {
				delete(in.live.pages, number)
				in.dirty[number] = struct{}{}
			}
		}
		if rest := size % pageSize; rest != 0 && in.live.pages[size/pageSize] != nil {
			clear(in.writable(size / pageSize)[rest:])
		}
	}
	in.live.size = size
	in.mtime = time.Now()
}

// sync makes the content of a file, or the entries of a directory, durable: nothing of its parent, and of a
// directory's members only that they have these names.
func (in *inode) sync() {
	if in.dir {
		in.durable.entries = maps.Clone(in.live.entries)
		return
	}
	for number := range in.dirty {
		in.settle(number)
	}
	clear(in.dirty)
	in.durable.size = in.live.size
}

// settle makes one page durable.
func (in *inode) settle(number int64) {
	if pg := in.live.pages[number]; pg != nil {
		in.durable.pages[number] = pg
	} else {
		delete(in.durable.pages, number)
	}
}

// Lost counts what a power cut dropped.
type Lost struct {
	Pages   int // of files that still have a name
	Entries int // names that came or went without a sync of their directory
}

// cut makes what is durable the live state of everything below the root directory in. Each unsynced page and
// each unsynced entry survives with the chance that luck gives it, as a disk may write early what nobody asked
// for yet; a nil luck drops everything.
func (in *inode) cut(luck func() bool, lost *Lost, seen map[*inode]bool) {
	if seen[in] {
		return
	}
	seen[in] = true
	if !in.dir {
		in.cutFile(luck, lost)
		return
	}
	for name := range union(in.live.entries, in.durable.entries) {
		is, was := in.live.entries[name], in.durable.entries[name]
		switch {
		case is == was:
		case luck != nil && luck() && is != nil:
			in.durable.entries[name] = is
		case luck != nil && is == nil && !was.moved && luck():
			delete(in.durable.entries, name)
		default:
			lost.Entries++
		}
	}
	in.live.entries = maps.Clone(in.durable.entries)
	for _, member := range in.live.entries {
		member.cut(luck, lost, seen)
	}
}

// cutFile is cut for a file. A file grows on the disk with the last page that survived.
func (in *inode) cutFile(luck func() bool, lost *Lost) {
	for number := range in.dirty {
		if luck == nil || !luck() {
			lost.Pages++
			continue
		}
		in.settle(number)
		if in.live.pages[number] != nil {
			in.durable.size = max(in.durable.size, min(in.live.size, (number+1)*pageSize))
		}
	}
	clear(in.dirty)
	in.live.pages, in.live.size = maps.Clone(in.durable.pages), in.durable.size
}

// union returns the keys of both maps.
func union(a, b map[string]*inode) map[string]struct{} {
	all := make(map[string]struct{}, len(a)+len(b))
	for name := range a {
		all[name] = struct{}{}
	}
	for name := range b {
		all[name] = struct{}{}
	}
	return all
}

// chance returns a luck that is good with probability p, drawn from seed; nil for p = 0.
func chance(seed uint64, p float64) func() bool {
	if p == 0 {
		return nil
	}
	rng := rand.New(rand.NewPCG(seed, 0))
	return func() bool { return rng.Float64() < p }
}

// move renames within or across directories in the live state, replacing what has the new name, as rename(2).
// An entry keeps being durable under its old name until that directory is synced, and becomes durable under
// the new one when the new directory is.
func move(from *inode, name string, to *inode, newName string, noReplace bool) syscall.Errno {
	in, there := from.live.entries[name], to.live.entries[newName]
	switch {
	case in == nil:
		return syscall.ENOENT
	case there != nil && noReplace:
		return syscall.EEXIST
	case in == there:
		return 0
	case there != nil && there.dir && len(there.live.entries) > 0:
		return syscall.ENOTEMPTY
	case there != nil && there.dir != in.dir:
		return syscall.EISDIR
	}
	delete(from.live.entries, name)
	to.live.entries[newName] = in
	in.moved = true
	return 0
}
