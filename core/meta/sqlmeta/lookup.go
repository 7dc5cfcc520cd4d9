package sqlmeta

import (
	"context"

	"trivium/core"
)

// The columns of a Lookup: whether there is an entry, the configuration's epoch, the entry, its attributes if
// they lie apart, inline data, a list and its only blob. An entry is in one table, so one branch answers.
const (
	lookupEntry = `SELECT 1, (SELECT config_epoch FROM meta WHERE id = 1), ` + wholeEntryOfE + `, a.attrs`
	sideOfE     = ` LEFT JOIN entry_attrs a ON e.flags & 16 <> 0 AND a.object_id = e.object_id`
	atKey       = ` WHERE e.bucket_id = ?1 AND e.key = ?2`
	ofID        = ` WHERE e.object_id = ?1`
	nothing     = `SELECT 0, (SELECT config_epoch FROM meta WHERE id = 1)` + nulls23 + `, NULL`

	// Every name with its table: the joined ones have columns of the same names.
	wholeEntryOfE = `e.bucket_id, e.key, e.object_id, e.create_time, e.last_version, e.last_revision, e.unfinished,
		e.seq, e.version_id, e.flags, e.size, e.etag, e.sha256, e.update_time, e.mtime, e.expiry, e.revision,
		e.content_kind, e.content_id, e.class, e.created_by, e.part_count, e.attrs`
	blobColumnsOfB = `b.id, b.class, b.size, b.sha256, b.crc64, b.refs, b.state, b.pack, b.pack_offset, b.pack_live,
		b.buffer, b.layout`
	nulls23 = nulls5 + nulls5 + nulls5 + nulls5 + `, NULL, NULL, NULL`
	nulls15 = nulls5 + nulls5 + nulls5
	nulls5  = `, NULL, NULL, NULL, NULL, NULL`

	liveBare   = lookupEntry + ` FROM objects e` + sideOfE
	hiddenBare = lookupEntry + ` FROM hidden e` + sideOfE
	noneBare   = nothing + ` LIMIT 1`

	liveContent = lookupEntry + `, i.sum, i.data, l.extents, ` + blobColumnsOfB + ` FROM objects e` + sideOfE + `
		LEFT JOIN inline_data i ON e.content_kind = 1 AND i.id = e.content_id
		LEFT JOIN lists l ON e.content_kind = 2 AND l.id = e.content_id
		LEFT JOIN blobs b ON b.id = l.sole`
	hiddenContent = lookupEntry + nulls15 + ` FROM hidden e` + sideOfE
	noneContent   = nothing + nulls15 + ` LIMIT 1`

	union           = ` UNION ALL `
	lookupBare      = liveBare + atKey + union + hiddenBare + atKey + union + noneBare
	lookupContent   = liveContent + atKey + union + hiddenContent + atKey + union + noneContent
	lookupIDBare    = liveBare + ofID + union + hiddenBare + ofID + union + noneBare
	lookupIDContent = liveContent + ofID + union + hiddenContent + ofID + union + noneContent

	lookupSide   = 2 + versionStart + attrsColumn + 1
	lookupInline = lookupSide + 1
	lookupList   = lookupInline + 2
	lookupBlob   = lookupList + 1
)

// Lookup implements core.MetaStore's Lookup over a connection outside any transaction.
func Lookup(ctx context.Context, conn Conn, bucketID int64, key string, withContent bool) (core.Found, error) {
	text := lookupBare
	if withContent {
		text = lookupContent
	}
	return found(ctx, conn, text, withContent, bucketID, Blob(key))
}

// LookupID implements core.MetaStore's LookupID as Lookup does.
func LookupID(ctx context.Context, conn Conn, objectID int64, withContent bool) (core.Found, error) {
	text := lookupIDBare
	if withContent {
		text = lookupIDContent
	}
	return found(ctx, conn, text, withContent, objectID)
}

// found runs the statement of a lookup, whose arguments follow.
func found(ctx context.Context, conn Conn, text string, withContent bool, args ...any) (core.Found, error) {
	rows, err := conn.Query(ctx, text, args...)
	if err != nil {
		return core.Found{}, err
	}
	var f core.Found
	if rows.Next() {
		if err := scanFound(rows, withContent, &f); err != nil {
			return core.Found{}, closeWith(rows, err)
		}
	}
	return f, rows.Close()
}

// scanFound reads the row of a Lookup.
func scanFound(r Rows, withContent bool, f *core.Found) error {
	f.ConfigEpoch = r.Int(1)
	if f.Exists = r.Int(0) != 0; !f.Exists {
		return nil
	}
	attrs := 2 + versionStart + attrsColumn
	if scanBrief(r, 2, &f.Entry) {
		attrs = lookupSide
	}
	if err := scanAttrs(r, attrs, &f.Entry.Version.Attrs); err != nil {
		return err
	}
	if !withContent {
		return nil
	}
	switch f.Entry.Version.Content.Kind {
	case core.ContentInline:
		f.InlineSum, f.Inline = uint64(r.Int(lookupInline)), r.Bytes(lookupInline+1)
	case core.ContentList:
		return scanContent(r, f)
	case core.ContentNone:
	}
	return nil
}

// scanContent reads the extents of a Lookup's short list and its only blob.
func scanContent(r Rows, f *core.Found) (err error) {
	if f.Extents, err = unpackExtents(nil, r.Bytes(lookupList)); err != nil || r.IsNull(lookupBlob) {
		return err
	}
	b, err := scanBlobAt(r, lookupBlob)
	f.Blob = &b
	return err
}
