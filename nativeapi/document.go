package nativeapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"trivium/core/nearest"
	"trivium/nativeapi/adminapi"
)

// Limits on what a client sends.
const (
	maxBody = 64 << 10
	maxName = 200 // of a name that is repeated in an error
)

// read decodes the one JSON object of a body. Fields that are not known, and those that are there twice, are refused:
// a slip in a name must not become the default.
func read(w http.ResponseWriter, r *http.Request, into any) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong {
		return badArgument(fmt.Sprintf("the body is longer than %d bytes", maxBody))
	}
	if err != nil {
		return badArgument("the body ends too early")
	}
	if err := checkFields(body, fields(into)); err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return badArgument(fmt.Sprintf("%s: it must be a %s", wrong.Field, jsonKind(wrong.Type)))
		}
		return badArgument("the body is no JSON object")
	}
	return nil
}

// checkFields refuses what is no JSON object, and fields of it that are not known or there twice.
func checkFields(body []byte, known []string) error {
	dec := json.NewDecoder(bytes.NewReader(body))
	broken := badArgument("the body is no JSON object")
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return broken
	}
	seen := make(map[string]bool)
	for dec.More() {
		token, err := dec.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return broken
		}
		switch {
		case seen[name]:
			return badArgument(name + ": the field is there twice")
		case !slices.Contains(known, name):
			return badArgument(fmt.Sprintf("%s: unknown field: %s", short(name), suggest("", name, known)))
		}
		seen[name] = true
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return broken
		}
	}
	return nil
}

// fields are the names of a document's fields.
func fields(doc any) []string {
	t := reflect.TypeOf(doc).Elem()
	var names []string
	for field := range t.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

// jsonKind is what JSON calls a type.
func jsonKind(t reflect.Type) string {
	switch t.Kind() { //nolint:exhaustive // documents have no others
	case reflect.Bool:
		return "boolean"
	case reflect.String:
		return "string"
	case reflect.Map:
		return "JSON object"
	}
	return "number"
}

// query returns the values of the named parameters; others, and those that are there twice, are refused.
func query(r *http.Request, known ...string) (map[string]string, error) {
	all, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badArgument("the query cannot be read")
	}
	values := make(map[string]string)
	for name, v := range all {
		switch {
		case len(known) == 0:
			return nil, badArgument(short(name) + ": this call has no parameters")
		case !slices.Contains(known, name):
			return nil, badArgument(fmt.Sprintf("%s: unknown parameter: %s", short(name), suggest("", name, known)))
		case len(v) > 1:
			return nil, badArgument(name + ": the parameter is there twice")
		}
		values[name] = v[0]
	}
	return values, nil
}

// pageLimit reads the parameter limit.
func pageLimit(values map[string]string) (int, error) {
	text, given := values["limit"]
	if !given {
		return adminapi.MaxPage, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > adminapi.MaxPage {
		return 0, badArgument(fmt.Sprintf("limit: %s: it must be a number from 1 to %d", short(text), adminapi.MaxPage))
	}
	return n, nil
}

// short bounds what is repeated in an error.
func short(name string) string {
	if len(name) > maxName {
		return strings.ToValidUTF8(name[:maxName], "") + "..."
	}
	return name
}

// suggest says which known name is meant, or which there are.
func suggest(prefix, name string, known []string) string {
	return nearest.Suggest(prefix, name[:min(len(name), maxName)], known)
}

// answer sends data.
func answer[T any](w http.ResponseWriter, data T) error {
	write(w, http.StatusOK, adminapi.Answer[T]{Code: adminapi.OK, Data: data})
	return nil
}

// write sends a document. That the client is gone is seen by whoever looks at the connection next.
func write(w http.ResponseWriter, status int, doc any) {
	b, err := encode(doc)
	if err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(b)))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(b)
}

// encode is the JSON of a document and a line break. URLs in it are as they are to be used: no browser takes it for
// HTML.
func encode(doc any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(doc)
	return b.Bytes(), err
}

// timeOf makes a time of documents of one of core.
func timeOf(ns int64) time.Time { return time.Unix(0, ns).UTC() }
