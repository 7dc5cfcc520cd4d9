package lossyfs

import (
	"context"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// node shows one inode to the kernel. Nodes are made anew at every mount; inodes stay.
type node struct {
	fs.Inode
	fsys *FS
	in   *inode
}

var (
	_ fs.NodeLookuper  = (*node)(nil)
	_ fs.NodeReaddirer = (*node)(nil)
	_ fs.NodeCreater   = (*node)(nil)
	_ fs.NodeMkdirer   = (*node)(nil)
	_ fs.NodeUnlinker  = (*node)(nil)
	_ fs.NodeRmdirer   = (*node)(nil)
	_ fs.NodeRenamer   = (*node)(nil)
	_ fs.NodeLinker    = (*node)(nil)
	_ fs.NodeOpener    = (*node)(nil)
	_ fs.NodeReader    = (*node)(nil)
	_ fs.NodeWriter    = (*node)(nil)
	_ fs.NodeFsyncer   = (*node)(nil)
	_ fs.NodeGetattrer = (*node)(nil)
	_ fs.NodeSetattrer = (*node)(nil)
	_ fs.NodeStatfser  = (*node)(nil)
)

// change runs fn on the tree, unless the power is off: then everything fails and nothing changes.
func (f *FS) change(fn func() syscall.Errno) syscall.Errno {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.off {
		return syscall.EIO
	}
	return fn()
}

// child makes the kernel's view of a member of n.
func (n *node) child(ctx context.Context, in *inode, out *fuse.EntryOut) *fs.Inode {
	n.fsys.fill(in, &out.Attr)
	return n.NewInode(ctx, &node{fsys: n.fsys, in: in}, fs.StableAttr{Mode: kind(in), Ino: in.number})
}

// kind is the type part of the inode's mode.
func kind(in *inode) uint32 {
	if in.dir {
		return syscall.S_IFDIR
	}
	return syscall.S_IFREG
}

// fill describes in.
func (f *FS) fill(in *inode, out *fuse.Attr) {
	out.Ino, out.Mode, out.Size = in.number, in.mode|kind(in), uint64(in.live.size)
	out.Blksize, out.Blocks, out.Nlink = pageSize, (out.Size+511)/512, 1
	out.Owner = f.owner
	out.SetTimes(nil, &in.mtime, &in.mtime)
}

// Lookup implements fs.NodeLookuper.
func (n *node) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (child *fs.Inode, errno syscall.Errno) {
	errno = n.fsys.change(func() syscall.Errno {
		in := n.in.live.entries[name]
		if in == nil {
			return syscall.ENOENT
		}
		child = n.child(ctx, in, out)
		return 0
	})
	return child, errno
}

// Readdir implements fs.NodeReaddirer.
func (n *node) Readdir(context.Context) (fs.DirStream, syscall.Errno) {
	var list []fuse.DirEntry
	errno := n.fsys.change(func() syscall.Errno {
		for name, in := range n.in.live.entries {
			list = append(list, fuse.DirEntry{Name: name, Ino: in.number, Mode: kind(in)})
		}
		return 0
	})
	return fs.NewListDirStream(list), errno
}

// make adds a new member.
func (n *node) make(ctx context.Context, name string, dir bool, mode uint32, out *fuse.EntryOut) (child *fs.Inode, errno syscall.Errno) {
	errno = n.fsys.change(func() syscall.Errno {
		if n.in.live.entries[name] != nil {
			return syscall.EEXIST
		}
		n.fsys.last++
		in := newInode(n.fsys.last, dir, mode)
		n.in.live.entries[name] = in
		child = n.child(ctx, in, out)
		return 0
	})
	return child, errno
}

// Create implements fs.NodeCreater.
//
//nolint:revive // four results are the interface's
func (n *node) Create(ctx context.Context, name string, _, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	child, errno := n.make(ctx, name, false, mode, out)
	return child, nil, 0, errno
}

// Mkdir implements fs.NodeMkdirer.
func (n *node) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return n.make(ctx, name, true, mode, out)
}

// Unlink implements fs.NodeUnlinker.
func (n *node) Unlink(_ context.Context, name string) syscall.Errno {
	return n.fsys.change(func() syscall.Errno {
		if n.in.live.entries[name] == nil {
			return syscall.ENOENT
		}
		delete(n.in.live.entries, name)
		return 0
	})
}

// Rmdir implements fs.NodeRmdirer.
func (n *node) Rmdir(_ context.Context, name string) syscall.Errno {
	return n.fsys.change(func() syscall.Errno {
		switch in := n.in.live.entries[name]; {
		case in == nil:
			return syscall.ENOENT
		case len(in.live.entries) > 0:
			return syscall.ENOTEMPTY
		}
		delete(n.in.live.entries, name)
		return 0
	})
}

// renameNoReplace is RENAME_NOREPLACE of renameat2(2).
const renameNoReplace = 1

// Rename implements fs.NodeRenamer.
func (n *node) Rename(_ context.Context, name string, newParent fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	to, ok := newParent.(*node)
	if !ok || flags&^renameNoReplace != 0 {
		return syscall.EINVAL
	}
	return n.fsys.change(func() syscall.Errno {
		return move(n.in, name, to.in, newName, flags&renameNoReplace != 0)
	})
}

// Link implements fs.NodeLinker.
func (n *node) Link(ctx context.Context, target fs.InodeEmbedder, name string, out *fuse.EntryOut) (child *fs.Inode, errno syscall.Errno) {
	from, ok := target.(*node)
	if !ok {
		return nil, syscall.EINVAL
	}
	errno = n.fsys.change(func() syscall.Errno {
		if n.in.live.entries[name] != nil {
			return syscall.EEXIST
		}
		n.in.live.entries[name] = from.in
		child = n.child(ctx, from.in, out)
		return 0
	})
	return child, errno
}

// Open implements fs.NodeOpener. The kernel's page cache is used, so that shared mappings work.
func (n *node) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, fuse.FOPEN_KEEP_CACHE, 0
}

// Read implements fs.NodeReader.
func (n *node) Read(_ context.Context, _ fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	got := 0
	errno := n.fsys.change(func() syscall.Errno {
		got = n.in.read(dest, off)
		return 0
	})
	return fuse.ReadResultData(dest[:got]), errno
}

// Write implements fs.NodeWriter.
func (n *node) Write(_ context.Context, _ fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	errno := n.fsys.change(func() syscall.Errno {
		n.in.write(data, off)
		return 0
	})
	return uint32(len(data)), errno
}

// Fsync implements fs.NodeFsyncer, for files and directories.
func (n *node) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	return n.fsys.change(func() syscall.Errno {
		n.fsys.syncs++
		n.in.sync()
		return 0
	})
}

// Getattr implements fs.NodeGetattrer.
func (n *node) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	return n.fsys.change(func() syscall.Errno {
		n.fsys.fill(n.in, &out.Attr)
		return 0
	})
}

// Setattr implements fs.NodeSetattrer: size, mode and times. Mode and times are durable at once.
func (n *node) Setattr(_ context.Context, _ fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	return n.fsys.change(func() syscall.Errno {
		if size, ok := in.GetSize(); ok {
			n.in.truncate(int64(size))
		}
		if mode, ok := in.GetMode(); ok {
			n.in.mode = mode & 0o7777
		}
		if t, ok := in.GetMTime(); ok {
			n.in.mtime = t
		}
		n.fsys.fill(n.in, &out.Attr)
		return 0
	})
}

// Statfs implements fs.NodeStatfser: there is always room.
func (n *node) Statfs(_ context.Context, out *fuse.StatfsOut) syscall.Errno {
	out.Bsize, out.Frsize, out.NameLen = pageSize, pageSize, 255
	out.Blocks, out.Bfree, out.Bavail = 1<<28, 1<<27, 1<<27
	out.Files, out.Ffree = 1<<20, 1<<19
	return 0
}
