package nativeapi

import (
	"net/http"

	"trivium/core"
	"trivium/nativeapi/adminapi"
)

// listKeys is GET key/list.
func (d *door) listKeys(w http.ResponseWriter, r *http.Request, se *core.Session) error {
	ctx := r.Context()
	q, err := query(r, "user")
	if err != nil {
		return err
	}
	var userID int64
	if name, given := q["user"]; given {
		u, err := userNamed(ctx, se, name)
		if err != nil {
			return err
		}
		userID = u.ID
	}
	keys, err := se.Keys(ctx, userID)
	if err != nil {
		return err
	}
	list := adminapi.KeyList{Keys: []adminapi.Key{}}
	names := userNames{se: se}
	for _, k := range keys {
		owner, err := names.of(ctx, k.UserID)
		if err != nil {
			return err
		}
		list.Keys = append(list.Keys, adminapi.Key{
			AccessKey: k.ID, User: owner, Disabled: k.Disabled, CreateTime: timeOf(k.CreateTime),
		})
	}
	return answer(w, list)
}

// createKey is POST key/create.
func (d *door) createKey(w http.ResponseWriter, r *http.Request, se *core.Session) error {
	var in adminapi.NewKey
	if err := read(w, r, &in); err != nil {
		return err
	}
	if in.AccessKey == "" && in.SecretKey != "" {
		return badArgument("accessKey: a secretKey needs one; give both or none")
	}
	u, err := userNamed(r.Context(), se, in.User)
	if err != nil {
		return err
	}
	k, secret, err := se.CreateKey(r.Context(), u.ID, in.AccessKey, in.SecretKey)
	if err != nil {
		return err
	}
	return answer(w, adminapi.KeyPair{AccessKey: k.ID, SecretKey: secret, User: u.Name})
}

// revokeKey is POST key/revoke.
func (d *door) revokeKey(w http.ResponseWriter, r *http.Request, se *core.Session) error {
	var in adminapi.KeyName
	if err := read(w, r, &in); err != nil {
		return err
	}
	if err := se.DeleteKey(r.Context(), in.AccessKey); err != nil {
		return err
	}
	return answer(w, adminapi.Nothing{})
}
