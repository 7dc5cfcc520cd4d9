package s3front

import (
	"net/http"

	"trivium/core"
	"trivium/s3front/s3xml"
)

const maxDocument = 64 << 10

// maxBuckets is how many buckets one answer shows: what a client that does not know of pages may own (S3 ListBuckets).
const maxBuckets = 10_000

// listBuckets is S3 ListBuckets: the caller's own. All of them lie in the door's region.
func listBuckets(w http.ResponseWriter, r *request, se *core.Session) error {
	opts, err := bucketPage(r)
	if err != nil {
		return err
	}
	buckets, more, err := se.Buckets(r.Context(), opts)
	if err != nil {
		return err
	}
	if region := r.query.Get("bucket-region"); region != "" && region != r.door.cfg.Region {
		buckets, more = nil, false
	}
	return r.writeXML(w, http.StatusOK, func(x *s3xml.Writer) {
		x.Start("ListAllMyBucketsResult")
		x.Open("Owner")
		x.Text("ID", canonicalID(r.principal.UserID))
		x.Text("DisplayName", r.principal.Name)
		x.Close("Owner")
		x.Open("Buckets")
		for i := range buckets {
			x.Open("Bucket")
			x.Text("Name", buckets[i].Name)
			x.Time("CreationDate", buckets[i].CreateTime)
			x.Text("BucketRegion", r.door.cfg.Region)
			x.Close("Bucket")
		}
		x.Close("Buckets")
		x.TextOpt("Prefix", opts.Prefix)
		if more {
			x.Text("ContinuationToken", token("", cursor{key: buckets[len(buckets)-1].Name}))
		}
		x.Close("ListAllMyBucketsResult")
	})
}

// bucketPage reads which buckets are asked for.
func bucketPage(r *request) (core.BucketListOptions, error) {
	opts := core.BucketListOptions{Prefix: r.query.Get("prefix"), Owned: true}
	var err error
	if opts.Limit, err = r.intParam("max-buckets", maxBuckets); err != nil {
		return opts, err
	}
	if opts.Limit < 1 || opts.Limit > maxBuckets {
		return opts, badArgument("max-buckets", r.query.Get("max-buckets"), "Argument max-buckets must be an integer between 1 and 10000")
	}
	token, ok := r.query.Lookup("continuation-token")
	if !ok {
		return opts, nil
	}
	at, err := readToken("", token)
	opts.After = at.key
	return opts, err
}

// createBucket is S3 CreateBucket. Any region is accepted.
func createBucket(w http.ResponseWriter, r *request, se *core.Session) error {
	if err := se.MayCreateBuckets(); err != nil {
		return err
	}
	if r.ContentLength != 0 {
		root, err := readXML(r, maxDocument)
		if err != nil {
			return err
		}
		if err := checkBucketConfiguration(root); err != nil {
			return err
		}
	}
	_, err := se.CreateBucket(r.Context(), r.bucket, core.CreateBucketOptions{Strict: true})
	// In us-east-1 making one's own bucket again succeeds, in every other region it is a conflict (S3 CreateBucket).
	if err != nil && (core.CodeOf(err) != core.BucketOwned || r.door.cfg.Region != "us-east-1") {
		return err
	}
	h := w.Header()
	h["Location"] = []string{r.bucketLocation()}
	setLength(h, 0)
	w.WriteHeader(http.StatusOK)
	return nil
}

// bucketLocation is the Location of a new bucket: S3 answers with the whole address everywhere but in us-east-1.
func (r *request) bucketLocation() string {
	path := "/" + r.bucket
	if r.door.cfg.Region == "us-east-1" {
		return path
	}
	return r.address(path)
}

func checkBucketConfiguration(root *s3xml.Node) error {
	if root.Name != "CreateBucketConfiguration" || ambiguous(root) {
		return &apiError{code: malformedXML}
	}
	for i := range root.Children {
		switch name := root.Children[i].Name; name {
		case "LocationConstraint":
			if region := root.Value(name); !plausibleRegion(region) {
				return &apiError{code: invalidLocation, fields: []field{{"LocationConstraint", region}}}
			}
		case "Location", "Bucket", "Tags":
			return notImplementedFor("CreateBucketConfiguration with " + name)
		}
	}
	return nil
}

// plausibleRegion tells whether s could name a region; "" is the default one.
func plausibleRegion(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return len(s) <= 64
}

// headBucket is S3 HeadBucket.
func headBucket(w http.ResponseWriter, r *request, se *core.Session) error {
	if _, err := se.Bucket(r.Context(), r.bucket); err != nil {
		return err
	}
	w.Header()["X-Amz-Bucket-Region"] = []string{r.door.cfg.Region}
	w.Header()["Content-Type"] = []string{"application/xml"}
	w.WriteHeader(http.StatusOK)
	return nil
}

// deleteBucket is S3 DeleteBucket.
func deleteBucket(w http.ResponseWriter, r *request, se *core.Session) error {
	if err := se.DeleteBucket(r.Context(), r.bucket, false); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// getLocation is S3 GetBucketLocation; us-east-1 is shown as nothing.
func getLocation(w http.ResponseWriter, r *request, se *core.Session) error {
	if _, err := se.Bucket(r.Context(), r.bucket); err != nil {
		return err
	}
	region := r.door.cfg.Region
	if region == "us-east-1" {
		region = ""
	}
	return r.writeXML(w, http.StatusOK, func(x *s3xml.Writer) {
		x.Start("LocationConstraint")
		x.Escaped(region)
		x.Close("LocationConstraint")
	})
}
