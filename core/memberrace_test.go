package core_test

import (
	"fmt"
	"sync"
	"testing"

	"trivium/core"
	"trivium/core/coretest"
)

// TestDeleteMembersThatMove: objects that are moved into another bucket between the look and the transaction are
// deleted where they are then; one that went where the caller may not write is refused, and so is one that never rests.
func TestDeleteMembersThatMove(t *testing.T) {
	var before func()
	env := newEnv(t, coretest.Options{Hook: func(point string) {
		if point == "delete.commit.before" && before != nil {
			before()
		}
	}})
	ctx := t.Context()
	places := []int64{pkg(t, env, "off", "p"), pkg(t, env, "ver", "q")}
	moving := func(times int) (id int64) {
		id = write(t, env, "off", "p/x", []byte("x"), core.PutOptions{}).ObjectID
		n := 0
		before = func() {
			if n++; n <= times {
				ok(t, "move", env.Admin.MoveMember(ctx, id, places[n%2], fmt.Sprint("moved", n)))
			}
		}
		return id
	}
	gone := func(id int64, times int) {
		t.Helper()
		_, err := env.Admin.MemberByID(ctx, id, core.MemberOptions{})
		wantCode(t, fmt.Sprintf("the object after %d moves", times), err, core.NoSuchKey)
	}
	for times := range 3 {
		id, still := moving(times), write(t, env, "off", "p/still", []byte("x"), core.PutOptions{}).ObjectID
		ok(t, "delete", env.Admin.DeleteMembers(ctx, []int64{id, still}))
		gone(id, times)
		gone(still, 0)
	}
	id := moving(100)
	wantCode(t, "an object that never rests", env.Admin.DeleteMembers(ctx, []int64{id}), core.Overloaded)
	before = nil
	u, err := env.Admin.CreateUser(ctx, "ann", "", false)
	ok(t, "create user", err)
	ann := env.Service.Session(core.Principal{UserID: u.ID, Name: "ann"})
	ok(t, "grant", env.Admin.SetGrants(ctx, "off", []core.Grant{{UserID: u.ID, Access: core.AccessWrite}}))
	ok(t, "grant", env.Admin.SetGrants(ctx, "ver", []core.Grant{{UserID: u.ID, Access: core.AccessRead}}))
	id = moving(1)
	wantCode(t, "an object that moved where ann may not write", ann.DeleteMembers(ctx, []int64{id}), core.Forbidden)
	if _, err := env.Admin.MemberByID(ctx, id, core.MemberOptions{}); err != nil {
		t.Errorf("the object that ann may not delete: %v", err)
	}
	before = nil
	id = write(t, env, "off", "p/y", []byte("y"), core.PutOptions{}).ObjectID
	before = sync.OnceFunc(func() {
		ok(t, "move", env.Admin.MoveMember(ctx, id, places[1], "y"))
		ok(t, "delete the bucket", env.Admin.DeleteBucket(ctx, "off", true))
	})
	ok(t, "delete from a bucket that goes", env.Admin.DeleteMembers(ctx, []int64{id}))
	gone(id, 1)
}
