package davfront

import (
	"context"
	"net/http"
	"strings"

	"trivium/core"
)

// copyTo is COPY and MOVE (RFC 4918 §9.8, §9.9). Core decides everything in the transaction that does the work; here it
// is only seen what the addresses say by themselves.
func copyTo(w http.ResponseWriter, r *request, se *core.Session) error {
	dst, opts, err := readTarget(r)
	if err != nil {
		return err
	}
	var made bool
	if r.Method == "COPY" {
		made, err = se.CopyPath(r.Context(), r.at.Path, dst, opts)
	} else {
		made, err = se.MovePath(r.Context(), r.at.Path, dst, opts)
	}
	if err != nil {
		return r.targetError(r.Context(), se, target{dst, opts.Overwrite}, err)
	}
	reply(w, made)
	return nil
}

// readTarget reads the headers.
func readTarget(r *request) (core.Path, core.TreeOptions, error) {
	var opts core.TreeOptions
	d, err := parseDepth(r.Header, depthZero, depthInfinity)
	if err != nil {
		return core.Path{}, opts, err
	}
	opts.Shallow = d == depthZero
	opts.FileOnly = d == depthZero && r.Method == "MOVE"
	if opts.Overwrite, err = parseOverwrite(r.Header); err != nil {
		return core.Path{}, opts, err
	}
	opts.Conditions = writeConditions(r.Header)
	values := r.Header.Values("Destination")
	if len(values) != 1 {
		return core.Path{}, opts, badRequest("Destination: there must be one")
	}
	p, elsewhere, err := r.resolve(values[0])
	switch {
	case err != nil:
		return core.Path{}, opts, err
	case elsewhere:
		return core.Path{}, opts, &refusal{status: http.StatusBadGateway, msg: "Destination: it must be below " + Prefix + "/ of this server"}
	case r.at.Bucket == "" || p.Bucket == "":
		return core.Path{}, opts, &refusal{status: http.StatusForbidden, msg: "the root of the tree can neither be copied nor moved nor replaced"}
	case overlap(r.at.Path, p.Path):
		return core.Path{}, opts, &refusal{status: http.StatusForbidden, msg: "source and target are the same, or one lies in the other"}
	}
	return p.Path, opts, nil
}

// overlap tells whether a and b are one, or one lies in the other. /d and /dx are apart.
func overlap(a, b core.Path) bool {
	if a.Bucket != b.Bucket {
		return false
	}
	x, y := a.Key+"/", b.Key+"/"
	return a.Key == "" || b.Key == "" || strings.HasPrefix(x, y) || strings.HasPrefix(y, x)
}

// target is where something goes.
type target struct {
	core.Path
	overwrite bool
}

// targetError says in WebDAV's words what is wrong with the target.
func (r *request) targetError(ctx context.Context, se *core.Session, dst target, err error) error {
	switch code := core.CodeOf(err); code { //nolint:exhaustive // all other codes say the same in every method
	case core.Exists, core.BucketExists, core.BucketOwned:
		if code != core.Exists && dst.overwrite {
			return &refusal{status: http.StatusForbidden, msg: "a bucket cannot take the place of another one; delete that first", err: err}
		}
		if code == core.BucketExists {
			return &refusal{status: http.StatusPreconditionFailed, msg: "the target's name is taken by another user's bucket", err: err}
		}
		return &refusal{status: http.StatusPreconditionFailed, msg: "there is something at the target already", err: err}
	}
	// Of the target's bucket it is the parent that is missing.
	if noBucket(err) && dst.Key != "" && dst.Bucket != r.at.Bucket && se.May(ctx, r.at.Bucket, core.AccessRead) == nil {
		return &refusal{status: http.StatusConflict, msg: "the target's bucket does not exist", err: err}
	}
	return r.memberError(ctx, se, err, r.at.Path, dst.Path)
}
