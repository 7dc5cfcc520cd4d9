package core

import (
	"context"
	"strings"
)

// treeCheck holds the preconditions of doors that show trees: the parent folder of key exists, no file is in
// the way to it, and no folder has the name of a file to be (nor a file that of a folder marker). Conflict
// otherwise. A folder exists by a live key below it, by its marker or, at depth one, as an explicit package. A file that is
// there already may be written again: a folder of its name, which S3 can make, it hides as before.
func treeCheck(ctx context.Context, tx MetaTx, bucketID int64, key string) error {
	name := strings.TrimSuffix(key, "/")
	_, there, err := liveEntry(ctx, tx, bucketID, name)
	if err != nil {
		return err
	}
	if name == key {
		return treeCheckFile(ctx, tx, bucketID, key, there)
	}
	if err := folderAbove(ctx, tx, bucketID, name); err != nil || !there {
		return err
	}
	return Errorf(Conflict, key, "a file has that name")
}

// treeCheckFile is treeCheck for a file, of which the caller knows whether it is there.
func treeCheckFile(ctx context.Context, tx MetaTx, bucketID int64, key string, there bool) error {
	if err := folderAbove(ctx, tx, bucketID, key); err != nil || there {
		return err
	}
	clash, err := folderExists(ctx, tx, bucketID, key)
	if err == nil && clash {
		return Errorf(Conflict, key, "a folder has that name")
	}
	return err
}

// folderAbove returns Conflict unless the folder that name lies in exists, and none of its path is a file.
func folderAbove(ctx context.Context, tx MetaTx, bucketID int64, name string) error {
	if err := noFileAbove(ctx, tx, bucketID, name); err != nil {
		return err
	}
	i := strings.LastIndexByte(name, '/')
	if i <= 0 {
		return nil
	}
	there, err := folderExists(ctx, tx, bucketID, name[:i])
	if err == nil && !there {
		err = Errorf(Conflict, name, "the folder %s does not exist", name[:i])
	}
	return err
}

// noFileAbove returns Conflict when a proper prefix of name up to a "/" is a file.
func noFileAbove(ctx context.Context, tx MetaTx, bucketID int64, name string) error {
	for i := range len(name) {
		if name[i] != '/' || i == 0 {
			continue
		}
		_, there, err := liveEntry(ctx, tx, bucketID, name[:i])
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
func folderExists(ctx context.Context, tx MetaTx, bucketID int64, path string) (bool, error) {
	there, err := hasLive(ctx, tx, bucketID, path+"/")
	if err != nil || there || strings.Contains(path, "/") {
		return there, err
	}
	p, found, err := tx.PackageByName(ctx, bucketID, path)
	return found && p.Explicit, err
}

// liveEntry returns the entry at key unless it is hidden.
func liveEntry(ctx context.Context, tx MetaTx, bucketID int64, key string) (Entry, bool, error) {
	e, found, err := tx.Entry(ctx, bucketID, key)
	return e, found && !e.Version.Marker, err
}
