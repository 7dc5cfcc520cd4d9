package core_test

import (
	"strings"
	"testing"

	"trivium/core"
	"trivium/core/coretest"
)

// TestLastAdministrator: a store never goes without somebody who may do everything, whoever asks for it.
func TestLastAdministrator(t *testing.T) {
	env := coretest.New(t, coretest.Options{})
	ctx := t.Context()
	system := env.Service.Session(core.System("test"))
	for what, err := range map[string]error{
		"disabling": system.SetUserDisabled(ctx, coretest.AdminID, true), "deleting": system.DeleteUser(ctx, coretest.AdminID),
	} {
		wantCode(t, what+" the last administrator", err, core.Conflict)
		if !strings.Contains(err.Error(), "make another one first") {
			t.Errorf("%s = %v, want the next step", what, err)
		}
	}
	user(t, env, "alice") // no administrator
	wantCode(t, "disabling beside a user", system.SetUserDisabled(ctx, coretest.AdminID, true), core.Conflict)
	second, err := env.Admin.CreateUser(ctx, "second", "", true)
	ok(t, "create", err)
	ok(t, "disable one of two", system.SetUserDisabled(ctx, second.ID, true))
	ok(t, "disable it again", system.SetUserDisabled(ctx, second.ID, true))
	wantCode(t, "disabling beside a disabled one", system.SetUserDisabled(ctx, coretest.AdminID, true), core.Conflict)
	wantCode(t, "deleting beside a disabled one", system.DeleteUser(ctx, coretest.AdminID), core.Conflict)
	ok(t, "enable", system.SetUserDisabled(ctx, second.ID, false))
	ok(t, "disable the other", system.SetUserDisabled(ctx, coretest.AdminID, true))
	wantCode(t, "disabling the one left", system.SetUserDisabled(ctx, second.ID, true), core.Conflict)
	ok(t, "delete a disabled one", system.DeleteUser(ctx, coretest.AdminID))
}

// TestDeleteUser looks at what goes with a user, and what keeps him.
func TestDeleteUser(t *testing.T) {
	env := coretest.New(t, coretest.Options{})
	ctx := t.Context()
	u, alice := user(t, env, "alice")
	bob, _ := user(t, env, "bob")
	key, _, err := env.Admin.CreateKey(ctx, u.ID, "", "")
	ok(t, "create key", err)
	bobs, _, err := env.Admin.CreateKey(ctx, bob.ID, "", "")
	ok(t, "create key", err)
	ok(t, "set password", env.Admin.SetPassword(ctx, u.ID, "correct horse"))
	_, err = env.Service.Login(ctx, "alice", "correct horse")
	ok(t, "login", err)
	_, err = env.Admin.CreateBucket(ctx, "shared", core.CreateBucketOptions{})
	ok(t, "create bucket", err)
	ok(t, "grant", env.Admin.SetGrants(ctx, "shared", []core.Grant{
		{UserID: u.ID, Access: core.AccessWrite}, {UserID: bob.ID, Access: core.AccessRead},
	}))
	_, err = alice.CreateBucket(ctx, "alices", core.CreateBucketOptions{})
	ok(t, "create bucket", err)

	wantCode(t, "by a user", alice.DeleteUser(ctx, bob.ID), core.Forbidden)
	wantCode(t, "oneself", env.Admin.DeleteUser(ctx, coretest.AdminID), core.Conflict)
	wantCode(t, "nobody", env.Admin.DeleteUser(ctx, 999), core.NotFound)
	err = env.Admin.DeleteUser(ctx, u.ID)
	wantCode(t, "an owner", err, core.Conflict)
	if !strings.Contains(err.Error(), "alices") {
		t.Errorf("DeleteUser of an owner = %v, want the bucket", err)
	}
	if _, err := env.Service.KeyCredentials(ctx, key.ID); err != nil {
		t.Errorf("a refused DeleteUser took the key: %v", err)
	}

	ok(t, "delete bucket", env.Admin.DeleteBucket(ctx, "alices", false))
	ok(t, "delete user", env.Admin.DeleteUser(ctx, u.ID))
	_, err = env.Service.Login(ctx, "alice", "correct horse")
	wantCode(t, "login", err, core.Unauthorized)
	_, err = env.Service.KeyCredentials(ctx, key.ID)
	wantCode(t, "his key", err, core.Unauthorized)
	_, err = env.Service.KeyCredentials(ctx, bobs.ID)
	ok(t, "the key of another", err)
	_, err = alice.PutObject(ctx, "shared", "key", strings.NewReader("x"), 1, core.PutOptions{})
	wantCode(t, "his session", err, core.Forbidden)
	grants, err := env.Admin.Grants(ctx, "shared")
	if err != nil || len(grants) != 1 || grants[0].UserID != bob.ID {
		t.Errorf("Grants = %+v, %v, want bob's alone", grants, err)
	}
	wantCode(t, "again", env.Admin.DeleteUser(ctx, u.ID), core.NotFound)
	again, err := env.Admin.CreateUser(ctx, "alice", "", false)
	if err != nil || again.ID == u.ID {
		t.Errorf("alice anew = %+v, %v, want another id than %d", again, err, u.ID)
	}
}
