package webdav

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"trivium/drivers"
)

// Kind registers spaces on WebDAV servers.
func Kind(opts Options) drivers.Kind {
	return drivers.Kind{
		Name: "WebDAV",
		Fields: []drivers.Field{
			{Name: "url", Help: "address of the collection that keeps the content, http or https; made if it is missing", Required: true},
			{Name: "user", Help: "user name (Basic authentication)", Credential: true},
			{Name: "password", Help: "the user's password", Secret: true, Credential: true},
			{Name: "bearerToken", Help: "token that is sent instead of user and password", Secret: true, Credential: true},
		},
		Features: []string{"S2STransfer"},
		Validate: func(cfg drivers.Config) error {
			_, err := newClient(configOf(cfg), opts)
			return err
		},
		Open: func(ctx context.Context, name string, cfg drivers.Config) (drivers.Driver, error) {
			d, err := Open(ctx, name, configOf(cfg), opts)
			if err != nil {
				return nil, err
			}
			return d, nil
		},
	}
}

func configOf(cfg drivers.Config) Config {
	return Config{URL: cfg["url"], User: cfg["user"], Password: cfg["password"], BearerToken: cfg["bearerToken"]}
}

// parseURL never tells the address in its errors: somebody may have put a password into it.
func parseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Opaque != "" || u.Hostname() == "":
		return nil, errors.New("url: want an address like https://host/path")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("url: the scheme is %q, want http or https", u.Scheme)
	case u.User != nil:
		return nil, errors.New("url: user and password have fields of their own")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("url: want an address without ? and #")
	}
	for seg := range strings.SplitSeq(u.EscapedPath(), "/") {
		if seg, err := url.PathUnescape(seg); err != nil || seg == "." || seg == ".." || strings.ContainsAny(seg, "/\x00") {
			return nil, errors.New(`url: its path has a segment ".", ".." or one with an encoded "/"`)
		}
	}
	return u, nil
}
