package main

import (
	"cmp"
	"errors"

	"trivium/nativeapi/client"
)

// What names a server to ask.
const (
	serverFlag     = "server"
	serverVariable = envPrefix + "SERVER"
)

// remote is what the environment says of the server that commands ask.
type remote struct {
	url, user, password string
	// file is what of the credentials file is there: it is taken when user and password are not.
	file credentials
}

// take keeps a variable of the credentials file.
func (r *remote) take(name, value string) {
	for _, f := range r.file.fields() {
		if f.name == name {
			*f.value = value
		}
	}
}

// caller returns the name and password to ask with; "" are not known.
func (r *remote) caller() (name, password string) {
	if r.user != "" || r.password != "" {
		return r.user, r.password
	}
	return r.file.User, r.file.Password
}

// forCommands tells whether name is a variable that commands read and a server does not.
func forCommands(name string) bool {
	return name == serverVariable || name == envPrefix+"USER" || name == envPrefix+"PASSWORD"
}

// farServer returns a client of the server that is named; nil when none is. A data directory on the command line goes
// before a server in the environment.
func (c *config) farServer() (*client.Client, error) {
	_, local := c.given["data"]
	user, password := c.remote.caller()
	switch {
	case c.server != "" && local:
		return nil, errors.New("--server and --data are two stores: give one of them")
	case c.server == "" && (local || c.remote.url == ""):
		return nil, nil
	case user == "" || password == "":
		return nil, errors.New("TRIVIUM_USER and TRIVIUM_PASSWORD must be set: the name and password of an administrator, or his access key and its secret; " +
			"or export TRIVIUM_ADMIN_USER and TRIVIUM_ADMIN_PASSWORD of the server's credentials file")
	}
	return client.Remote(cmp.Or(c.server, c.remote.url), user, password)
}
