package core

import (
	"context"
	"strings"
)

// treeCheck holds the preconditions of doors that show trees: the parent folder of key exists, no file is in
// the way to it, and no folder has the name of a file to be (nor a file that of a folder marker). Conflict
// otherwise. A folder exists by a live key below it, by its marker or, at depth one, as an explicit package. A file that is
// there already may be written again: a folder of its name, which S3 can make, it hides as before.
func (m *mutation) treeCheck(ctx context.Context, key string) error {
	name := strings.TrimSuffix(key, "/")
	_, there, err := m.liveEntry(ctx, name)
	if err != nil {
		return err
	}
	if name == key {
		return m.treeCheckFile(ctx, key, there)
	}
	if err := m.folderAbove(ctx, name); err != nil || !there {
		return err
	}
	return Errorf(Conflict, key, "a file has that name")
}

// treeCheckFile is treeCheck for a file, of which the caller knows whether it is there.
func (m *mutation) treeCheckFile(ctx context.Context, key string, there bool) error {
	if err := m.folderAbove(ctx, key); err != nil || there {
		return err
	}
	clash, err := m.folderExists(ctx, key)
	if err == nil && clash {
		return Errorf(Conflict, key, "a folder has that name")
	}
	return err
}

// folderAbove returns Conflict unless the folder that name lies in exists, and none of its path is a file.
func (m *mutation) folderAbove(ctx context.Context, name string) error {
	if err := m.noFileAbove(ctx, name); err != nil {
		return err
	}
	i := strings.LastIndexByte(name, '/')
	if i <= 0 {
		return nil
	}
	there, err := m.folderExists(ctx, name[:i])
	if err == nil && !there {
		err = Errorf(Conflict, name, "the folder %s does not exist", name[:i])
	}
	return err
}

// noFileAbove returns Conflict when a proper prefix of name up to a "/" is a file.
func (m *mutation) noFileAbove(ctx context.Context, name string) error {
	for i := range len(name) {
		if name[i] != '/' || i == 0 {
			continue
		}
		_, there, err := m.liveEntry(ctx, name[:i])
		if err != nil {
			return err
		}
		if there {
			return Errorf(Conflict, name, "%s is a file, not a folder", name[:i])
		}
	}
	return nil
}

// folderExists tells whether the folder at path (without the trailing "/") exists.
func (m *mutation) folderExists(ctx context.Context, path string) (bool, error) {
	there, err := m.hasLive(ctx, path+"/")
	if err != nil || there || strings.Contains(path, "/") {
		return there, err
	}
	p, found, err := m.tx.PackageByName(ctx, m.bucket.ID, path)
	return found && p.Explicit, err
}

// liveEntry returns the entry at key, and whether doors show it.
func (m *mutation) liveEntry(ctx context.Context, key string) (Entry, bool, error) {
	e, found, err := m.tx.Entry(ctx, m.bucket.ID, key)
	return e, m.live(&e, found) != nil, err
}
