package s3front

import (
	"net/http"

	"trivium/core"
	"trivium/s3front/s3xml"
)

// Buckets have the ownership BucketOwnerEnforced, S3's default: the owner has full control of everything in them, and
// no ACL says otherwise. So ACLs can be read, and "set" to what they are; whatever else is asked for is refused.

// getBucketACL is S3 GetBucketAcl.
func getBucketACL(w http.ResponseWriter, r *request, se *core.Session) error {
	b, err := se.Bucket(r.Context(), r.bucket)
	if err != nil {
		return err
	}
	return writeACL(w, r, b.Owner)
}

// getObjectACL is S3 GetObjectAcl.
func getObjectACL(w http.ResponseWriter, r *request, se *core.Session) error {
	o, err := se.StatObject(r.Context(), r.bucket, r.key, core.GetOptions{VersionID: r.query.Get("versionId")})
	if err != nil {
		return err
	}
	if o.Bucket.EverVersioned {
		w.Header()["X-Amz-Version-Id"] = []string{o.Entry.Version.VersionID()}
	}
	return writeACL(w, r, o.Bucket.Owner)
}

func writeACL(w http.ResponseWriter, r *request, owner int64) error {
	id := canonicalID(owner)
	return r.writeXML(w, http.StatusOK, func(x *s3xml.Writer) {
		x.Start("AccessControlPolicy")
		writeOwner(x, id)
		x.Open("AccessControlList")
		x.Open("Grant")
		x.Open(`Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"`)
		x.Text("ID", id)
		x.Close("Grantee")
		x.Text("Permission", fullControl)
		x.Close("Grant")
		x.Close("AccessControlList")
		x.Close("AccessControlPolicy")
	})
}

const fullControl = "FULL_CONTROL"

// putBucketACL is S3 PutBucketAcl.
func putBucketACL(w http.ResponseWriter, r *request, se *core.Session) error {
	return keepACL(w, r, se)
}

// putObjectACL is S3 PutObjectAcl.
func putObjectACL(w http.ResponseWriter, r *request, se *core.Session) error {
	_, err := se.StatObject(r.Context(), r.bucket, r.key, core.GetOptions{VersionID: r.query.Get("versionId")})
	if err != nil {
		return err
	}
	return keepACL(w, r, se)
}

// keepACL accepts the ACL that every bucket and object has. Canned ones that say something else were refused with the
// headers.
func keepACL(w http.ResponseWriter, r *request, se *core.Session) error {
	if err := se.May(r.Context(), r.bucket, core.AccessOwner); err != nil {
		return err
	}
	if r.Header.Get("X-Amz-Acl") == "" {
		b, err := se.Bucket(r.Context(), r.bucket)
		if err != nil {
			return err
		}
		root, err := readXML(r, maxDocument)
		if err != nil {
			return err
		}
		if err := checkACL(root, canonicalID(b.Owner)); err != nil {
			return err
		}
	}
	setLength(w.Header(), 0)
	w.WriteHeader(http.StatusOK)
	return nil
}

// checkACL refuses every document but that of getBucketACL: full control for the owner alone.
func checkACL(root *s3xml.Node, owner string) error {
	list := root.Child("AccessControlList")
	if root.Name != "AccessControlPolicy" || list == nil || ambiguous(root) {
		return &apiError{code: malformedXML}
	}
	if o := root.Child("Owner"); o != nil && o.Value("ID") != owner || len(list.Children) != 1 {
		return &apiError{code: aclNotSupported}
	}
	grant := &list.Children[0]
	grantee := grant.Child("Grantee")
	if grant.Name != "Grant" || grantee == nil || ambiguous(grant) || ambiguous(grantee) {
		return &apiError{code: malformedXML}
	}
	if grantee.Value("ID") != owner || grant.Value("Permission") != fullControl {
		return &apiError{code: aclNotSupported}
	}
	return nil
}

// refuseACL judges a canned ACL: what it grants to the owner of a bucket he has, and nobody else gets anything.
func refuseACL(canned string) error {
	switch canned {
	case "private", "bucket-owner-full-control":
		return nil
	case "public-read", "public-read-write", "authenticated-read", "aws-exec-read", "bucket-owner-read", "log-delivery-write":
		return &apiError{code: aclNotSupported}
	}
	return badArgument("x-amz-acl", canned, "The canned ACL is not known.")
}
