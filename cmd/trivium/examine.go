package main

import (
	"context"
	"fmt"
	"os"

	"trivium/core"
	"trivium/core/content"
	"trivium/nativeapi/adminapi"
)

// leastFree is what must be free on the disk of the metadata, in bytes: below it core refuses writes (storage.md S20).
const leastFree = 256 << 20

// restoreCopy is the advice where data of the store is lost.
const restoreCopy = "restore the data directory from a copy, metadata, space and master key of one moment (docs/operating.md)"

// doctor examines the store; deep: with all its content, and on a store without a server all references.
func (st *store) doctor(ctx context.Context, deep bool) (adminapi.Examined, error) {
	steps := []func(context.Context) adminapi.Check{
		st.checkDirectory, st.checkMasterKey, st.checkPages, st.checkSpaces, st.checkFree, st.checkReady,
	}
	if deep {
		steps = append(steps, st.checkReferences, st.checkContent)
	}
	var out adminapi.Examined
	for _, step := range steps {
		c := step(ctx)
		if err := ctx.Err(); err != nil {
			return out, err
		}
		if c.State == "" {
			c.State = adminapi.CheckGood
		}
		if c.Found == nil {
			c.Found = []string{}
		}
		out.Checks = append(out.Checks, c)
	}
	return out, nil
}

// bad makes a check of something that is wrong.
func bad(name, message, advice string, found ...string) adminapi.Check {
	return adminapi.Check{Name: name, State: adminapi.CheckBad, Message: message, Advice: advice, Found: append([]string{}, found...)}
}

// checkDirectory looks at who may do what in the data directory.
func (st *store) checkDirectory(context.Context) adminapi.Check {
	const name = "data directory"
	info, err := os.Stat(st.dir.path)
	if err != nil {
		return bad(name, err.Error(), "mend that: the directory is in use")
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return bad(name, fmt.Sprintf("%s can be changed by others: its mode is %04o", st.dir.path, mode), "chmod 700 "+quote(st.dir.path))
	}
	return adminapi.Check{Name: name, Message: fmt.Sprintf("%s, mode %04o", st.dir.path, info.Mode().Perm())}
}

// checkMasterKey looks whether the file is there, and still what the store was opened with.
func (st *store) checkMasterKey(context.Context) adminapi.Check {
	const name = "master key"
	advice := "restore " + st.keyFile + " from your copy now: without it the store does not open again"
	info, err := os.Stat(st.keyFile)
	if err != nil {
		return bad(name, err.Error(), advice)
	}
	text, err := readMasterKey(st.keyFile, st.keyFile != st.dir.masterKeyPath(""))
	if err != nil {
		return bad(name, err.Error(), advice)
	}
	keys, err := core.ParseMasterKeys(text)
	if err != nil || keys.Current() != st.keys.Current() {
		return bad(name, st.keyFile+" is not the key that the store was opened with", advice)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return bad(name, fmt.Sprintf("%s can be read by others: its mode is %04o", st.keyFile, mode), "chmod 600 "+quote(st.keyFile))
	}
	return adminapi.Check{Name: name, Message: st.keyFile + " is the key of this store"}
}

// checkPages compares all pages of the metadata with their checksums.
func (st *store) checkPages(ctx context.Context) adminapi.Check {
	const name = "metadata pages"
	pages, damaged, err := st.pages(ctx)
	if err != nil {
		return bad(name, err.Error(), restoreCopy)
	}
	if len(damaged) == 0 {
		return adminapi.Check{Name: name, Message: fmt.Sprintf("%d pages match their checksums", pages)}
	}
	found := make([]string, 0, len(damaged))
	for _, n := range damaged {
		found = append(found, fmt.Sprintf("page %d of %s does not match its checksum", n, st.dir.metaFile()))
	}
	return bad(name, fmt.Sprintf("%d of %d pages are damaged", len(damaged), pages), restoreCopy, found...)
}

// checkSpaces looks whether the spaces answer and belong to this store.
func (st *store) checkSpaces(ctx context.Context) adminapi.Check {
	const name = "spaces"
	m := st.service.Maintenance()
	if err := m.CheckMarkers(ctx); err != nil {
		return bad(name, err.Error(), "run the newer metadata that used the space last, or point this one to the space it belongs to")
	}
	all, down := m.Spaces.All(), []string{}
	for _, sp := range all {
		if sp.State == content.Down {
			down = append(down, fmt.Sprintf("space %d does not answer", sp.ID))
		}
	}
	if len(down) > 0 || len(all) == 0 {
		return bad(name, fmt.Sprintf("%d of %s are down", len(down), count(len(all), "space")), "is the disk mounted? The log says more", down...)
	}
	return adminapi.Check{Name: name, Message: count(len(all), "space") + ": all answer and belong to this store"}
}

// checkFree looks whether there is room.
func (st *store) checkFree(context.Context) adminapi.Check {
	const name = "free space"
	free, err := st.dir.freeSpace()
	if err != nil {
		return bad(name, err.Error(), "")
	}
	message := fmt.Sprintf("%d MiB are free on the disk of the metadata", free>>20)
	if free < leastFree {
		return bad(name, message+fmt.Sprintf(", of which %d MiB are kept", int64(leastFree)>>20),
			"make room on the disk, or delete objects and run `trivium gc --now`; writes are refused until then")
	}
	return adminapi.Check{Name: name, Message: message}
}

// checkReady asks whether reads and writes work.
func (st *store) checkReady(ctx context.Context) adminapi.Check {
	const name = "reads and writes"
	if err := st.service.Ready(ctx); err != nil {
		return bad(name, err.Error(), "see the checks above")
	}
	return adminapi.Check{Name: name, Message: "they work"}
}

// checkReferences counts everything anew.
func (st *store) checkReferences(ctx context.Context) adminapi.Check {
	const name = "references"
	if st.serving {
		return adminapi.Check{Name: name, State: adminapi.CheckSkipped, Message: "they are counted on a store without a server: stop it and run this again"}
	}
	rep, err := st.upkeep.Recount(ctx)
	if err != nil {
		return bad(name, err.Error(), restoreCopy)
	}
	seen := fmt.Sprintf("%s, %s, %s, %s", count(int(rep.Objects), "object"), count(int(rep.Versions), "version"),
		count(int(rep.Lists), "list"), count(int(rep.Blobs), "blob"))
	if rep.Wrong > 0 {
		return bad(name, fmt.Sprintf("%d counts are wrong in %s", rep.Wrong, seen),
			"keep a copy of the data directory and report this: it is a fault of the program. What is missing must come from an older copy", rep.Found...)
	}
	return adminapi.Check{Name: name, Message: seen + ": all counts are right"}
}

// checkContent reads everything.
func (st *store) checkContent(ctx context.Context) adminapi.Check {
	const name = "content"
	v, err := st.upkeep.Verify(ctx, !st.serving)
	if err != nil {
		return bad(name, err.Error(), "")
	}
	seen := fmt.Sprintf("%s, %s, %d MiB", count(int(v.Blobs), "blob"), count(int(v.Shards), "shard"), v.Bytes>>20)
	found := v.Found
	for _, object := range v.Objects {
		found = append(found, "lost content belongs to "+object)
	}
	switch {
	case v.Lost > 0 && st.serving:
		return bad(name, fmt.Sprintf("%d of %s cannot be read", v.Lost, seen),
			"restore the space from a copy. With the server stopped this command says which objects are meant: they can be put anew", found...)
	case v.Lost > 0:
		return bad(name, fmt.Sprintf("%d of %s cannot be read", v.Lost, seen), "restore the space from a copy, or put the objects anew", found...)
	case v.Damaged > 0:
		return bad(name, fmt.Sprintf("%d of %s have damaged shards", v.Damaged, seen),
			"nothing is lost: `trivium scrub --deep` queues them, and the server or `trivium repair` rebuilds them; look after the disk", found...)
	case v.Unsure > 0:
		return bad(name, fmt.Sprintf("of %d of %s a space did not answer", v.Unsure, seen), "bring the space back and run this again", found...)
	}
	return adminapi.Check{Name: name, Message: seen + ": every block matches its checksum"}
}
