package s3front

import (
	"net/http"

	"trivium/core"
	"trivium/s3front/s3xml"
)

// listing is what the listings of keys have in common.
type listing struct {
	prefix, delimiter string
	limit             int
	url               bool // encoding-type=url
}

// readListing reads what the listings have in common and takes a place among them.
func readListing(r *request, limitName string) (listing, error) {
	l := listing{prefix: r.query.Get("prefix"), delimiter: r.query.Get("delimiter")}
	var err error
	if l.limit, err = r.limitParam(limitName); err != nil {
		return l, err
	}
	switch encoding, ok := r.query.Lookup("encoding-type"); {
	case encoding == "url":
		l.url = true
	case ok && encoding != "":
		return l, &apiError{code: invalidEncoding, fields: []field{{"ArgumentName", "encoding-type"}, {"ArgumentValue", encoding}}}
	}
	for _, name := range []string{"prefix", "marker", "start-after", "key-marker"} {
		if err := checkKey(r.query.Get(name)); err != nil {
			return l, badArgument(name, "", "%s is not a prefix of any key", name)
		}
	}
	return l, r.listing.take(r.Context())
}

// text writes an element that holds a key or a part of one.
func (l *listing) text(x *s3xml.Writer, name, value string) {
	if l.url {
		x.URL(name, value)
	} else {
		x.Text(name, value)
	}
}

func (l *listing) textOpt(x *s3xml.Writer, name, value string) {
	if value != "" {
		l.text(x, name, value)
	}
}

// head writes what every listing repeats of its request.
func (l *listing) head(x *s3xml.Writer, bucket, limitName string) {
	x.Text("Name", bucket)
	l.text(x, "Prefix", l.prefix)
	l.textOpt(x, "Delimiter", l.delimiter)
	x.Int(limitName, int64(l.limit))
	if l.url {
		x.Text("EncodingType", "url")
	}
}

// listObjects is S3 ListObjects, the first version.
func listObjects(w http.ResponseWriter, r *request, se *core.Session) error {
	l, err := readListing(r, "max-keys")
	if err != nil {
		return err
	}
	marker := r.query.Get("marker")
	owner, page, err := l.page(r, se, cursor{marker, isCommonPrefix(marker, l.prefix, l.delimiter)})
	if err != nil {
		return err
	}
	return r.writeXML(w, http.StatusOK, func(x *s3xml.Writer) {
		x.Start("ListBucketResult")
		l.head(x, r.bucket, "MaxKeys")
		l.text(x, "Marker", marker)
		if page.Truncated && l.delimiter != "" {
			l.text(x, "NextMarker", page.Next)
		}
		x.Bool("IsTruncated", page.Truncated)
		l.items(x, page, owner)
		x.Close("ListBucketResult")
	})
}

// listObjectsV2 is S3 ListObjectsV2.
func listObjectsV2(w http.ResponseWriter, r *request, se *core.Session) error {
	if v := r.query.Get("list-type"); v != "2" {
		return badArgument("list-type", v, "Invalid List Type specified in Request")
	}
	l, err := readListing(r, "max-keys")
	if err != nil {
		return err
	}
	startAfter := r.query.Get("start-after")
	from := cursor{startAfter, isCommonPrefix(startAfter, l.prefix, l.delimiter)}
	given, continued := r.query.Lookup("continuation-token")
	if given != "" { // an empty one is echoed and begins at the start
		if from, err = readToken(r.bucket, given); err != nil {
			return err
		}
	}
	owner, page, err := l.page(r, se, from)
	if err != nil {
		return err
	}
	if r.query.Get("fetch-owner") != "true" {
		owner = ""
	}
	return r.writeXML(w, http.StatusOK, func(x *s3xml.Writer) {
		x.Start("ListBucketResult")
		l.head(x, r.bucket, "MaxKeys")
		x.Int("KeyCount", int64(len(page.Items)))
		if continued {
			x.Text("ContinuationToken", given)
		}
		l.textOpt(x, "StartAfter", startAfter)
		x.Bool("IsTruncated", page.Truncated)
		if page.Truncated {
			x.Text("NextContinuationToken", token(r.bucket, cursor{page.Next, page.NextPrefix}))
		}
		l.items(x, page, owner)
		x.Close("ListBucketResult")
	})
}

// page asks core for a page and for the owner of everything on it.
func (l *listing) page(r *request, se *core.Session, from cursor) (owner string, page core.SummaryPage, err error) {
	page, err = se.ListSummaries(r.Context(), r.bucket, core.ListOptions{
		Prefix: l.prefix, Delimiter: l.delimiter, After: from.key, AfterPrefix: from.prefix, Limit: l.limit,
	})
	if err != nil {
		return "", page, err
	}
	b, err := se.Bucket(r.Context(), r.bucket)
	return canonicalID(b.Owner), page, err
}

// items writes keys, then common prefixes; owner "" shows none.
func (l *listing) items(x *s3xml.Writer, page core.SummaryPage, owner string) {
	for i := range page.Items {
		if page.Items[i].CommonPrefix != "" {
			continue
		}
		e := &page.Items[i]
		x.Open("Contents")
		l.text(x, "Key", e.Key)
		l.state(x, e.UpdateTime, e.ETag, e.Class)
		l.checksum(x, e.ChecksumAlgorithm, e.ChecksumComposite)
		x.Int("Size", e.Size)
		writeOwner(x, owner)
		x.Close("Contents")
	}
	for i := range page.Items {
		if p := page.Items[i].CommonPrefix; p != "" {
			l.commonPrefix(x, p)
		}
	}
}

// checksum writes what listings show of a checksum; nothing without one.
func (l *listing) checksum(x *s3xml.Writer, algorithm string, composite bool) {
	if algorithm != "" {
		x.Text("ChecksumAlgorithm", algorithm)
		x.Text("ChecksumType", checksumType(core.Checksum{Composite: composite}))
	}
}

// state writes what all listings show of content.
func (l *listing) state(x *s3xml.Writer, updateTime int64, etag, class string) {
	x.Time("LastModified", updateTime)
	x.ETag("ETag", etag)
	if class == "" {
		class = "STANDARD"
	}
	x.Text("StorageClass", class)
}

func (l *listing) commonPrefix(x *s3xml.Writer, prefix string) {
	x.Open("CommonPrefixes")
	l.text(x, "Prefix", prefix)
	x.Close("CommonPrefixes")
}

func writeOwner(x *s3xml.Writer, id string) {
	if id != "" {
		x.Open("Owner")
		x.Text("ID", id)
		x.Close("Owner")
	}
}
