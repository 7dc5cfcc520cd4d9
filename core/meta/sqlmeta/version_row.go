package sqlmeta

import (
	"context"
	"fmt"

	"trivium/core"
)

// Flags of entries and versions, see the schema.
const (
	flagNull = 1 << iota
	flagMarker
	flagKeep
	flagOlder
	flagSide // attributes lie in the side table
	flagProps
	flagHeld
)

// The checksum of a version, whose algorithm listings show and which lies among the attributes, which they do not read:
// its number, and whether it is composite.
const (
	checksumShift = 8
	checksumMask  = 7 << checksumShift
	flagComposite = 8 << checksumShift
)

// checksumFlags are the flags of a checksum. One whose algorithm has no number is not shown in listings.
func checksumFlags(c *core.Checksum) int64 {
	for n := int64(1); checksumName(n) != ""; n++ {
		if checksumName(n) != c.Algorithm {
			continue
		}
		flags := n << checksumShift
		if c.Composite {
			flags |= flagComposite
		}
		return flags
	}
	return 0
}

// checksumName is the algorithm of a number; "" of none.
func checksumName(n int64) string {
	switch n {
	case 1:
		return "CRC32"
	case 2:
		return "CRC32C"
	case 3:
		return "CRC64NVME"
	case 4:
		return "SHA1"
	case 5:
		return "SHA256"
	}
	return ""
}

// checksumKind is what flags say of a checksum: algorithm and whether it is composite, without its value.
func checksumKind(flags int64) core.Checksum {
	return core.Checksum{Algorithm: checksumName(flags & checksumMask >> checksumShift), Composite: flags&flagComposite != 0}
}

// sideLimit is the size up to which attributes lie in the row itself.
const sideLimit = 512

// The columns of a version, in the order that scanVersion reads and versionArgs writes.
const (
	briefVersion = `seq, version_id, flags, size, etag, sha256, update_time, mtime, expiry, revision, content_kind, content_id, class, created_by,
		part_count`
	wholeVersion  = briefVersion + `, attrs`
	updateVersion = `seq = excluded.seq, version_id = excluded.version_id, flags = excluded.flags, size = excluded.size,
		etag = excluded.etag, sha256 = excluded.sha256, update_time = excluded.update_time, mtime = excluded.mtime,
		expiry = excluded.expiry, revision = excluded.revision, content_kind = excluded.content_kind,
		content_id = excluded.content_id, class = excluded.class, created_by = excluded.created_by,
		part_count = excluded.part_count,
		attrs = excluded.attrs`
	attrsColumn = 15 // of wholeVersion
)

// versionArgs appends a version's columns. side is the attributes' JSON when it belongs into the side table.
func versionArgs(args []any, v *core.Version, flags int64) (all []any, side string, err error) {
	attrs, err := attrsJSON(make([]byte, 0, 128), &v.Attrs)
	if err != nil {
		return nil, "", fmt.Errorf("attributes of version %d: %w", v.ID, err)
	}
	var inRow any
	switch {
	case len(attrs) > sideLimit:
		side = string(attrs)
		flags |= flagSide
	case len(attrs) > len("{}"):
		inRow = string(attrs)
	}
	var mtime any
	if v.MTime != core.NoTime {
		mtime = v.MTime
	}
	return append(args, v.Seq, v.ID, flags|versionFlags(v), v.Size, nullText(v.ETag), v.SHA256, v.UpdateTime, mtime,
		v.Expiry, v.Revision, int64(v.Content.Kind), v.Content.ID, nullText(v.Class), v.CreatedBy,
		v.PartCount, inRow), side, nil
}

func versionFlags(v *core.Version) (flags int64) {
	if v.Null {
		flags |= flagNull
	}
	if v.Marker {
		flags |= flagMarker
	}
	if v.KeepFor {
		flags |= flagKeep
	}
	return flags | checksumFlags(&v.Attrs.Checksum)
}

// scanVersion reads a version whose columns begin at base, and its flags: of its attributes what those say.
func scanVersion(r Rows, base int, v *core.Version) (flags int64) {
	flags = r.Int(base + 2)
	v.Seq, v.ID = r.Int(base), r.Int(base+1)
	v.Null, v.Marker, v.KeepFor = flags&flagNull != 0, flags&flagMarker != 0, flags&flagKeep != 0
	v.Attrs.Checksum = checksumKind(flags)
	v.Size, v.ETag, v.SHA256 = r.Int(base+3), r.Text(base+4), r.Bytes(base+5)
	v.UpdateTime, v.MTime = r.Int(base+6), r.Int(base+7)
	if v.MTime == 0 && r.IsNull(base+7) {
		v.MTime = core.NoTime
	}
	v.Expiry, v.Revision = r.Int(base+8), r.Int(base+9)
	v.Content = core.ContentRef{Kind: core.ContentKind(r.Int(base + 10)), ID: r.Int(base + 11)}
	v.Class, v.CreatedBy, v.PartCount = r.Text(base+12), r.Int(base+13), int(r.Int(base+14))
	return flags
}

// sideAttrs reads attributes from a side table.
func (t *Tx) sideAttrs(ctx context.Context, a *core.Attrs, text string, args ...any) error {
	_, found, err := queryRow(ctx, t.conn, func(r Rows) (struct{}, error) {
		return struct{}{}, scanAttrs(r, 0, a)
	}, text, args...)
	if err == nil && !found {
		err = core.Errorf(core.Corrupt, "", "the attributes of an object are missing")
	}
	return err
}
