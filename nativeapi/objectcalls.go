package nativeapi

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"trivium/core"
	v1 "trivium/nativeapi/v1"
)

// objectInfo is GET object/info.
func objectInfo(w http.ResponseWriter, r *request) error {
	m, err := r.named()
	if err != nil {
		return err
	}
	v := &m.Entry.Version
	info := v1.Info{
		VersionID: v.VersionID(), ETag: v.ETag, ContentType: cmp.Or(v.Attrs.ContentType, defaultType), Metadata: v.ClientMetadata(),
		Tags: map[string]string{}, StorageClass: v.Class, ExpireTime: optionalTime(v.Expiry),
	}
	maps.Copy(info.Tags, v.Attrs.Tags)
	if info.StorageClass == "" {
		info.StorageClass = "STANDARD"
	}
	if v.Marker { // an unfinished upload with nothing below it
		info.VersionID, info.ContentType = "", ""
	}
	return r.reply(w, v1.ObjectInfo{Object: objectDoc(&m), Info: info})
}

// named finds the object that objectID, or packageID and path, name or, without either id, path alone: bucket/key. With
// deleted it may be one that a delete marker hides, which its bucket's name and its key find, or its objectID.
func (r *request) named() (core.Member, error) {
	hidden, err := r.flag("deleted")
	if err != nil {
		return core.Member{}, err
	}
	id, given, err := r.optional("objectID")
	if err != nil {
		return core.Member{}, err
	}
	if given {
		return r.se.MemberByID(r.Context(), id, core.MemberOptions{Need: core.AccessRead, Hidden: hidden})
	}
	if !hidden {
		at, err := r.place()
		if err != nil {
			return core.Member{}, err
		}
		return r.se.MemberNamed(r.Context(), at)
	}
	path, err := r.needText("path")
	if err != nil {
		return core.Member{}, err
	}
	if r.query.Has("packageID") {
		return core.Member{}, badArgument("packageID: a deleted object is found by objectID, or by bucket/key as path")
	}
	at, err := bucketAndKey(path)
	if err != nil {
		return core.Member{}, err
	}
	return r.se.HiddenMember(r.Context(), at)
}

// updateMetadata is POST object/updateMetadata.
func updateMetadata(w http.ResponseWriter, r *request) error {
	var in v1.UpdateMetadata
	if err := r.decode(&in); err != nil {
		return err
	}
	if in.ContentType != nil && !headerText(*in.ContentType) {
		return badArgument("contentType: it must be printable ASCII")
	}
	m, err := r.se.SetMemberAttrs(r.Context(), in.ObjectID, func(v *core.Version) error {
		if in.Metadata != nil {
			v.SetClientMetadata(changedMetadata(v, *in.Metadata, in.Merge))
		}
		if in.ContentType != nil {
			v.Attrs.ContentType = *in.ContentType
		}
		return nil
	})
	if err != nil {
		return err
	}
	return r.reply(w, v1.OneObject{Object: objectDoc(&m)})
}

// headerText tells whether s is printable ASCII, as a header's value is.
func headerText(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '~' })
}

// changedMetadata is what the metadata of v becomes.
func changedMetadata(v *core.Version, given map[string]*string, merge bool) map[string]string {
	all := map[string]string{}
	if merge {
		all = v.ClientMetadata()
	}
	for name, value := range given {
		if value == nil {
			delete(all, name)
		} else {
			all[name] = *value
		}
	}
	return all
}

// presign is POST object/presign.
func presign(w http.ResponseWriter, r *request) error {
	var in v1.Presign
	if err := r.decode(&in); err != nil {
		return err
	}
	expires := int64(3600)
	if in.Expires != nil {
		expires = *in.Expires
	}
	if expires < 1 || expires > 7*24*3600 {
		return badArgument("expires: it must be 1 to 604800 seconds")
	}
	method, path, q := http.MethodGet, v1.Prefix+"object/download", url.Values{}
	switch {
	case in.Operation == "download" && in.ObjectID > 0:
		q.Set("objectID", strconv.FormatInt(in.ObjectID, 10))
	case in.Operation == "download":
		path += "ByPath"
	case in.Operation == "upload":
		method, path = http.MethodPut, v1.Prefix+"object/putByPath"
	default:
		return badArgument("operation: it must be download or upload")
	}
	if !q.Has("objectID") {
		if in.PackageID == 0 || in.Path == "" {
			return badArgument("packageID: it is missing, or path is")
		}
		q.Set("packageID", strconv.FormatInt(in.PackageID, 10))
		q.Set("path", in.Path)
	}
	token, expiry, err := r.se.Token(r.Context(), core.TokenUse{URL: signedText(method, path, q)}, time.Duration(expires)*time.Second)
	if err != nil {
		return err
	}
	q.Set(paramToken, token)
	return r.reply(w, v1.Presigned{URL: r.address() + path + "?" + q.Encode(), Method: method, ExpireTime: timeOf(expiry)})
}

// address is that of the server, as clients reach it.
func (r *request) address() string {
	switch {
	case r.d.cfg.PublicURL != "":
		return strings.TrimSuffix(r.d.cfg.PublicURL, "/")
	case r.TLS != nil:
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// listVersions is GET object/listVersions. Its token is the number of the last version.
func listVersions(w http.ResponseWriter, r *request) error {
	id, err := r.number("objectID")
	if err != nil {
		return err
	}
	limit, err := r.limit()
	if err != nil {
		return err
	}
	l := listing{packageID: id}
	before, err := r.versionPlace(&l)
	if err != nil {
		return err
	}
	page, err := r.se.MemberVersions(r.Context(), id, before, limit)
	if err != nil {
		return err
	}
	out := v1.VersionPage{Versions: make([]v1.Version, len(page.Versions)), IsTruncated: page.More}
	for i := range page.Versions {
		v := &page.Versions[i]
		out.Versions[i] = v1.Version{
			VersionID: v.VersionID(), IsLatest: v.Seq == page.Latest, IsDeleteMarker: v.Marker, Size: v1.Size(v.Size),
			FileHash: versionHash(v), KeepForever: v.KeepFor, CreateTime: timeOf(v.UpdateTime),
		}
		before = &v.Seq
	}
	if page.More {
		out.NextContinuationToken = l.mark(&core.MemberPlace{Path: strconv.FormatInt(*before, 10)})
	}
	return r.reply(w, out)
}

// versionPlace reads the token of a listing of versions; nil where there is none.
func (r *request) versionPlace(l *listing) (before *int64, err error) {
	token, _, err := r.text("continuationToken")
	if err != nil || token == "" {
		return nil, err
	}
	at, err := l.place(token)
	if err != nil {
		return nil, err
	}
	seq, err := strconv.ParseInt(at.Path, 10, 64)
	if err != nil {
		err = badArgument("continuationToken: it is none of this listing")
	}
	return &seq, err
}

// restoreVersion is POST object/restoreVersion.
func restoreVersion(w http.ResponseWriter, r *request) error {
	var in v1.Restore
	if err := r.decode(&in); err != nil {
		return err
	}
	if in.VersionID == "" {
		return badArgument("versionID: it is empty")
	}
	m, err := r.se.RestoreVersion(r.Context(), in.ObjectID, in.VersionID)
	if err != nil {
		return err
	}
	return r.reply(w, v1.OneObject{Object: objectDoc(&m)})
}
