package davfront

import (
	"errors"
	"net/http"

	"trivium/core"
)

// remove deletes a file, or a folder with everything in it (RFC 4918 §9.6).
func remove(w http.ResponseWriter, r *request, se *core.Session) error {
	d, err := parseDepth(r.Header, depthZero, depthInfinity) // of a file both are the same
	if err != nil {
		return err
	}
	if r.at.Bucket == "" {
		return &refusal{status: http.StatusForbidden, msg: "the root of the tree cannot be deleted"}
	}
	opts := core.TreeOptions{Conditions: writeConditions(r.Header), FileOnly: d == depthZero}
	err = se.RemovePath(r.Context(), r.at.Path, opts)
	if err != nil {
		return r.memberError(r.Context(), se, err, r.at.Path)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// mkcol makes a bucket at the top of the tree, else a folder (RFC 4918 §9.3).
func mkcol(w http.ResponseWriter, r *request, se *core.Session) error {
	if r.at.Bucket == "" {
		return exists()
	}
	if err := noBody(r); err != nil {
		return err
	}
	err := se.MakeFolder(r.Context(), r.at.Path)
	if err != nil {
		if noBucket(err) {
			return &refusal{status: http.StatusConflict, msg: "the bucket does not exist", err: err}
		}
		switch core.CodeOf(err) { //nolint:exhaustive // all other codes say the same in every method
		case core.BucketExists:
			return &refusal{status: http.StatusMethodNotAllowed, msg: "the name is taken by another user's bucket", err: err}
		case core.Exists, core.BucketOwned:
			return exists()
		}
		return err
	}
	reply(w, true)
	return nil
}

// noBucket tells whether a bucket does not exist, or must not be told from one that does not.
func noBucket(err error) bool {
	e, ok := errors.AsType[*core.Error](err)
	return ok && (e.Code == core.NoSuchBucket || e.Code == core.Forbidden && e.Hidden)
}

func exists() error {
	return &refusal{status: http.StatusMethodNotAllowed, msg: "there is a file or folder of this name already"}
}
