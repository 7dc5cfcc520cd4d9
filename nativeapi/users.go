package nativeapi

import (
	"context"
	"net/http"
	"strconv"

	"trivium/core"
	"trivium/nativeapi/adminapi"
)

// userDoc shows a user.
func userDoc(u core.User) adminapi.User {
	return adminapi.User{ID: u.ID, Name: u.Name, Admin: u.Admin, Disabled: u.Disabled, CreateTime: timeOf(u.CreateTime)}
}

// listUsers is GET user/list.
func (d *door) listUsers(w http.ResponseWriter, r *http.Request, se *core.Session) error {
	q, err := query(r, "after", "limit")
	if err != nil {
		return err
	}
	limit, err := pageLimit(q)
	if err != nil {
		return err
	}
	var after int64
	if text := q["after"]; text != "" {
		if after, err = strconv.ParseInt(text, 10, 64); err != nil {
			return badArgument("after: " + short(text) + ": it must be the userId of a user")
		}
	}
	users, err := se.Users(r.Context(), after, limit+1)
	if err != nil {
		return err
	}
	page := adminapi.UserPage{Users: []adminapi.User{}, IsTruncated: len(users) > limit}
	for _, u := range users[:min(limit, len(users))] {
		page.Users = append(page.Users, userDoc(u))
	}
	return answer(w, page)
}

// createUser is POST user/create.
func (d *door) createUser(w http.ResponseWriter, r *http.Request, se *core.Session) error {
	var in adminapi.NewUser
	if err := read(w, r, &in); err != nil {
		return err
	}
	u, err := se.CreateUser(r.Context(), in.Name, in.Password, in.Admin)
	if err != nil {
		return err
	}
	return answer(w, userDoc(u))
}

// setUserDisabled is POST user/setDisabled.
func (d *door) setUserDisabled(w http.ResponseWriter, r *http.Request, se *core.Session) error {
	var in adminapi.UserState
	if err := read(w, r, &in); err != nil {
		return err
	}
	u, err := userNamed(r.Context(), se, in.Name)
	if err != nil {
		return err
	}
	if err := se.SetUserDisabled(r.Context(), u.ID, in.Disabled); err != nil {
		return err
	}
	return answer(w, adminapi.Nothing{})
}

// setUserPassword is POST user/setPassword.
func (d *door) setUserPassword(w http.ResponseWriter, r *http.Request, se *core.Session) error {
	var in adminapi.UserPassword
	if err := read(w, r, &in); err != nil {
		return err
	}
	if in.Password == "" {
		return badArgument("password: it is missing")
	}
	u, err := userNamed(r.Context(), se, in.Name)
	if err != nil {
		return err
	}
	if err := se.SetPassword(r.Context(), u.ID, in.Password); err != nil {
		return err
	}
	return answer(w, adminapi.Nothing{})
}

// deleteUser is POST user/delete.
func (d *door) deleteUser(w http.ResponseWriter, r *http.Request, se *core.Session) error {
	var in adminapi.UserName
	if err := read(w, r, &in); err != nil {
		return err
	}
	u, err := userNamed(r.Context(), se, in.Name)
	if err != nil {
		return err
	}
	if err := se.DeleteUser(r.Context(), u.ID); err != nil {
		return err
	}
	return answer(w, adminapi.Nothing{})
}

// userToken is POST user/token.
func (d *door) userToken(w http.ResponseWriter, r *http.Request, se *core.Session) error {
	ctx := r.Context()
	var in adminapi.UserName
	if err := read(w, r, &in); err != nil {
		return err
	}
	u, err := userNamed(ctx, se, in.Name)
	if err != nil {
		return err
	}
	if se, err = se.For(ctx, u.ID); err != nil {
		return err
	}
	token, expiry, err := se.Token(ctx, core.TokenUse{}, d.cfg.tokenLifetime())
	if err != nil {
		return err
	}
	return answer(w, adminapi.UserToken{Token: token, User: u.Name, ExpireTime: timeOf(expiry)})
}

// userNamed finds a user whom a document names.
func userNamed(ctx context.Context, se *core.Session, name string) (core.User, error) {
	if name == "" {
		return core.User{}, badArgument("the name of the user is missing")
	}
	return se.User(ctx, name)
}

// userNames finds the names of users, each once.
type userNames struct {
	se    *core.Session
	known map[int64]string
}

// of returns the name of a user; "" when there is none any more.
func (n *userNames) of(ctx context.Context, id int64) (string, error) {
	if name, ok := n.known[id]; ok {
		return name, nil
	}
	users, err := n.se.Users(ctx, id-1, 1)
	if err != nil {
		return "", err
	}
	if n.known == nil {
		n.known = make(map[int64]string)
	}
	n.known[id] = ""
	if len(users) == 1 && users[0].ID == id {
		n.known[id] = users[0].Name
	}
	return n.known[id], nil
}
