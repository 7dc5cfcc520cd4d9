package webdav

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"trivium/drivers"
)

const (
	methodPropfind = "PROPFIND"
	methodMkcol    = "MKCOL"
	methodMove     = "MOVE"
	methodCopy     = "COPY"
)

// stat asks for one file or collection, as a collection where dir; ErrNotExist if it is missing.
func (c *client) stat(ctx context.Context, name string, dir bool) (member, error) {
	m, err := c.propfind(ctx, c.url(name, dir), fileProperties)
	switch {
	case statusOf(err) != http.StatusBadRequest || name == "":
	case dir:
		return c.stat(ctx, name, false)
	default:
		// Apache says so below a file.
		if up, upErr := c.stat(ctx, parent(name), false); errors.Is(upErr, drivers.ErrNotExist) || upErr == nil && !up.dir {
			return member{}, fmt.Errorf("it would be below a file: %w", drivers.ErrNotExist)
		}
	}
	return m, err
}

func (c *client) propfind(ctx context.Context, path, properties string) (member, error) {
	m, err := c.propfindOnce(ctx, path, properties)
	if isSlash(err) {
		return c.propfindOnce(ctx, path+"/", properties)
	}
	return m, err
}

func (c *client) propfindOnce(ctx context.Context, path, properties string) (member, error) {
	var found []member
	_, err := c.multistatus(ctx, path, "0", properties, func(m member) error {
		if len(found) > 0 {
			return fmt.Errorf("%w: the answer to Depth: 0 tells of more than was asked for", drivers.ErrBroken)
		}
		found = append(found, m)
		return nil
	})
	switch {
	case err != nil:
		return member{}, err
	case len(found) == 0:
		return member{}, fmt.Errorf("%w: the answer to PROPFIND tells nothing", drivers.ErrBroken)
	case found[0].status >= http.StatusMultipleChoices:
		return member{}, &statusError{method: methodPropfind, status: found[0].status, asked: c.auth != ""}
	}
	return found[0], nil
}

// multistatus sends a PROPFIND and hands each member on as it comes. A path that is not there is ErrNotExist.
func (c *client) multistatus(ctx context.Context, path, depth, properties string, each func(member) error) (http.Header, error) {
	resp, err := c.do(ctx, request{
		method: methodPropfind, path: path, body: strings.NewReader(propfindDocument(properties)),
		header: http.Header{"Depth": {depth}, "Content-Type": {"application/xml; charset=utf-8"}},
	})
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	switch resp.StatusCode {
	case http.StatusMultiStatus:
		if err := readMultistatus(resp.Body, each); err != nil {
			if drivers.Sentinel(err) == nil || ctx.Err() != nil {
				err = transportError(ctx, err)
			}
			return nil, err
		}
		_, _ = io.CopyN(io.Discard, resp.Body, drainLimit)
		return resp.Header, nil
	case http.StatusMethodNotAllowed:
		// golang.org/x/net/webdav says so below a file. That the server knows PROPFIND was seen when it was opened.
		if path != c.url("", true) {
			return nil, fmt.Errorf("PROPFIND was answered with 405: %w", drivers.ErrNotExist)
		}
	}
	return nil, c.refusal(resp)
}

// makeRoot makes the root and, if the server wants them first, its parents.
func (c *client) makeRoot(ctx context.Context) error {
	_, err := c.send(ctx, request{method: methodMkcol, path: c.prefix + "/"}, http.StatusCreated)
	if s := statusOf(err); s != http.StatusConflict && s != http.StatusNotFound {
		return err
	}
	segments := strings.Split(c.prefix, "/")
	for i := 2; i <= len(segments); i++ {
		_, err = c.send(ctx, request{method: methodMkcol, path: strings.Join(segments[:i], "/") + "/"}, http.StatusCreated)
		if errors.Is(err, drivers.ErrTransient) || statusOf(err) == 0 && err != nil {
			return err
		}
	}
	return err
}
