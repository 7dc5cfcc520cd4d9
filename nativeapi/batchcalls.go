package nativeapi

import (
	"fmt"
	"net/http"
	"strings"

	"trivium/core"
	v1 "trivium/nativeapi/v1"
)

// skipped tells whether an item of a batch is passed over: the thing is missing or its state or the caller's rights do
// not allow it. Other errors end the batch.
func skipped(err error) bool {
	switch core.CodeOf(err) { //nolint:exhaustive // the others are errors of the store
	case core.NoSuchKey, core.NoSuchBucket, core.NotFound, core.NoSuchVersion, core.Exists, core.Conflict, core.Forbidden:
		return true
	}
	return false
}

// checkTargets refuses a batch whole for a path that cannot be, and names its field: nothing is done yet.
func (r *request) checkTargets(targets []core.MemberTarget, field string) error {
	bad, err := r.se.CheckTargets(r.Context(), targets)
	if err == nil {
		return nil
	}
	if rep, message := worded(err); rep.status == http.StatusBadRequest {
		return badArgument(fmt.Sprintf(field, bad) + ": " + strings.TrimPrefix(message, "path: "))
	}
	return err
}

// moveObjects is POST object/move.
func moveObjects(w http.ResponseWriter, r *request) error {
	var in v1.Move
	if err := r.decode(&in); err != nil {
		return err
	}
	targets := make([]core.MemberTarget, len(in.Movings))
	for i, m := range in.Movings {
		targets[i] = core.MemberTarget{PackageID: m.PackageID, Path: m.Path}
	}
	if err := r.checkTargets(targets, "movings[%d].path"); err != nil {
		return err
	}
	out := v1.Moved{Successes: []int64{}}
	for _, m := range in.Movings {
		err := r.se.MoveMember(r.Context(), m.ObjectID, m.PackageID, m.Path)
		switch {
		case err == nil:
			out.Successes = append(out.Successes, m.ObjectID)
		case !skipped(err):
			return err
		}
	}
	return r.reply(w, out)
}

// cloneObjects is POST object/clone.
func cloneObjects(w http.ResponseWriter, r *request) error {
	var in v1.Clone
	if err := r.decode(&in); err != nil {
		return err
	}
	targets := make([]core.MemberTarget, len(in.Clonings))
	for i, c := range in.Clonings {
		targets[i] = core.MemberTarget{PackageID: c.NewPackageID, Path: c.NewPath}
	}
	if err := r.checkTargets(targets, "clonings[%d].newPath"); err != nil {
		return err
	}
	out := v1.Cloned{Objects: make([]*v1.Object, len(in.Clonings))}
	for i, c := range in.Clonings {
		m, err := r.se.CloneMember(r.Context(), c.ObjectID, c.NewPackageID, c.NewPath)
		switch {
		case err == nil:
			doc := objectDoc(&m)
			out.Objects[i] = &doc
		case !skipped(err):
			return err
		}
	}
	return r.reply(w, out)
}

// deleteObjects is POST object/delete.
func deleteObjects(w http.ResponseWriter, r *request) error {
	var in v1.Delete
	if err := r.decode(&in); err != nil {
		return err
	}
	if err := r.se.DeleteMembers(r.Context(), in.ObjectIDs); err != nil {
		return err
	}
	return r.reply(w, nil)
}
