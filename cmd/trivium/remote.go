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
type remote struct{ url, user, password string }

// forCommands tells whether name is a variable that commands read and a server does not.
func forCommands(name string) bool {
	return name == serverVariable || name == envPrefix+"USER" || name == envPrefix+"PASSWORD"
}

// farServer returns a client of the server that is named; nil when none is. A data directory on the command line goes
// before a server in the environment.
func (c *config) farServer() (*client.Client, error) {
	_, local := c.given["data"]
	switch {
	case c.server != "" && local:
		return nil, errors.New("--server and --data are two stores: give one of them")
	case c.server == "" && (local || c.remote.url == ""):
		return nil, nil
	case c.remote.user == "" || c.remote.password == "":
		return nil, errors.New("TRIVIUM_USER and TRIVIUM_PASSWORD must be set: the name and password of an administrator, or his access key and its secret")
	}
	return client.Remote(cmp.Or(c.server, c.remote.url), c.remote.user, c.remote.password)
}
