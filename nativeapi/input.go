package nativeapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"trivium/core"
	v1 "trivium/nativeapi/v1"
)

const (
	firstRead = 4 << 10 // bytes of a document that are not counted: a connection takes more than that
	// openBody is the longest body of a call that has no caller, in bytes. It takes no memory from others.
	openBody = firstRead
	// slowDocument and documentRate bound the time for which a document may hold its memory.
	slowDocument = 10 * time.Second
	documentRate = 16 << 10
	// documentCost is what a byte of JSON takes when it is decoded, at most.
	documentCost = 3
)

// release gives back what the request holds.
func (r *request) release() {
	if r.sender != nil {
		r.sender.end()
	}
	r.d.archives.Release(r.names)
	r.names = 0
}

// document reads a JSON body of at most v1.MaxBody bytes. Memory is reserved as bytes come: announcing a document takes
// nothing from others. Who is not known to be a user yet, because his signature is one of the body or because the call is
// for everybody, takes nothing of what users share.
func (r *request) document(from io.Reader) ([]byte, error) {
	start := r.d.cfg.Now()
	shared, most := r.d.documents, v1.MaxBody
	switch {
	case r.open:
		most = openBody
	case r.se == nil:
		shared = r.d.unproven
	}
	r.sender = shared.sender(r.w, from, r.d.cfg.Now)
	data := make([]byte, 0, firstRead+1)
	for {
		if len(data) == cap(data) {
			grown := min(2*cap(data), most+1)
			if err := r.sender.take(r.Context(), int64(documentCost*(grown-cap(data)))); err != nil {
				return nil, err
			}
			data = append(make([]byte, 0, grown), data...)
		}
		n, err := r.sender.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		switch {
		case len(data) > most:
			return nil, badArgument(fmt.Sprintf("the body is longer than %d bytes", most))
		case errors.Is(err, io.EOF):
			return data, nil
		case err != nil:
			return nil, cutBody(err)
		case r.d.cfg.Now().Sub(start) > slowDocument+time.Duration(len(data))*time.Second/documentRate:
			return nil, badArgument("the body comes too slowly")
		}
	}
}

// cutBody is the error of a body that could not be read.
func cutBody(err error) error {
	if _, ok := errors.AsType[*refusal](err); ok {
		return err
	}
	if isCore(err) {
		return err
	}
	return badArgument("the body ends too early")
}

// decode reads the JSON object of the body. Fields that are not known are ignored; userID is taken in every body
// of a call that has a caller.
func (r *request) decode(into any) error {
	body, err := r.readBody()
	if err != nil {
		return err
	}
	return r.decodeFrom(body, into)
}

// decodeFrom is decode of a document.
func (r *request) decodeFrom(body []byte, into any) error {
	if !utf8.Valid(body) {
		return badArgument("the body is not UTF-8")
	}
	doc := reflect.ValueOf(into).Elem()
	fields, ok := objectFields(body, doc.Type())
	if !ok {
		return badArgument("the body is no JSON object")
	}
	if err := decodeFields(fields, doc, ""); err != nil {
		return err
	}
	raw, given := fields["userID"]
	if !given || r.open || r.se == nil {
		return nil
	}
	var id int64
	if err := decodeValue(raw, reflect.ValueOf(&id).Elem(), "userID"); err != nil {
		return err
	}
	se, err := r.se.For(r.Context(), id)
	if err == nil {
		r.se = se
	}
	return err
}

// objectFields reads the fields of a JSON object that a struct has, and userID; null counts as absent. Names are
// compared bytewise, and of a name that is there twice the last one counts. What is not known takes no memory.
func objectFields(raw []byte, of reflect.Type) (map[string]json.RawMessage, bool) {
	known := map[string]bool{"userID": true}
	for f := range of.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		known[name] = true
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil, false
	}
	fields := make(map[string]json.RawMessage, len(known))
	for dec.More() {
		token, err := dec.Token()
		name, ok := token.(string)
		var value json.RawMessage
		if err != nil || !ok || dec.Decode(&value) != nil {
			return nil, false
		}
		if !known[name] {
			continue
		}
		if delete(fields, name); string(value) != "null" {
			fields[name] = value
		}
	}
	return fields, ended(dec)
}

// ended tells whether the value that was begun ends, and the document with it.
func ended(dec *json.Decoder) bool {
	if _, err := dec.Token(); err != nil {
		return false
	}
	_, err := dec.Token()
	return errors.Is(err, io.EOF)
}

// decodeFields sets the fields of a struct.
func decodeFields(fields map[string]json.RawMessage, into reflect.Value, at string) error {
	for i := range into.NumField() {
		f := into.Type().Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		raw, given := fields[name]
		if !given {
			if f.Tag.Get("api") == "required" {
				return badArgument(at + name + ": it is missing")
			}
			continue
		}
		if err := decodeValue(raw, into.Field(i), at+name); err != nil {
			return err
		}
	}
	return nil
}

// decodeValue sets one value.
func decodeValue(raw json.RawMessage, into reflect.Value, name string) error {
	switch into.Kind() { //nolint:exhaustive // the others are decoded as they are
	case reflect.Pointer:
		into.Set(reflect.New(into.Type().Elem()))
		return decodeValue(raw, into.Elem(), name)
	case reflect.Struct:
		fields, ok := objectFields(raw, into.Type())
		if !ok {
			return badArgument(name + ": it must be an object")
		}
		return decodeFields(fields, into, name+".")
	case reflect.Slice:
		return decodeItems(raw, into, name)
	case reflect.Map:
		if texts, ok := reflect.TypeAssert[*map[string]*string](into.Addr()); ok {
			return decodeTexts(raw, texts, name)
		}
	}
	if err := json.Unmarshal(raw, into.Addr().Interface()); err != nil {
		return badArgument(fmt.Sprintf("%s: it must be a %s", name, jsonKind(into.Type())))
	}
	if into.CanInt() && into.Int() < 0 {
		return badArgument(name + ": it must not be negative")
	}
	return nil
}

// decodeItems sets a slice, of at most v1.MaxItems items.
func decodeItems(raw json.RawMessage, into reflect.Value, name string) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if open, err := dec.Token(); err != nil || open != json.Delim('[') {
		return badArgument(name + ": it must be an array")
	}
	into.Set(reflect.MakeSlice(into.Type(), 0, 0))
	for i := 0; dec.More(); i++ {
		if i == v1.MaxItems {
			return badArgument(fmt.Sprintf("%s: there are more than %d items", name, v1.MaxItems))
		}
		var item json.RawMessage
		if err := dec.Decode(&item); err != nil {
			return badArgument(name + ": it must be an array")
		}
		if string(item) == "null" {
			return badArgument(fmt.Sprintf("%s[%d]: it must not be null", name, i))
		}
		into.Set(reflect.Append(into, reflect.Zero(into.Type().Elem())))
		if err := decodeValue(item, into.Index(i), fmt.Sprintf("%s[%d]", name, i)); err != nil {
			return err
		}
	}
	if !ended(dec) {
		return badArgument(name + ": it must be an array")
	}
	return nil
}

// decodeTexts sets a map of at most core.MaxMetadata names to strings or null: one that has more says more than an object
// can keep.
func decodeTexts(raw json.RawMessage, into *map[string]*string, name string) error {
	bad := badArgument(name + ": it must be an object of strings")
	dec := json.NewDecoder(bytes.NewReader(raw))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return bad
	}
	*into = map[string]*string{}
	for dec.More() {
		token, err := dec.Token()
		key, ok := token.(string)
		var value *string
		switch {
		case err != nil || !ok || dec.Decode(&value) != nil:
			return bad
		case key == "":
			return badArgument(name + ": a name is empty")
		case len(*into) == core.MaxMetadata:
			return badArgument(fmt.Sprintf("%s: there are more than %d names", name, core.MaxMetadata))
		}
		(*into)[key] = value
	}
	if !ended(dec) {
		return bad
	}
	return nil
}

// text returns a parameter of the query, and whether it is there; twice is refused.
func (r *request) text(name string) (string, bool, error) {
	switch values := r.query[name]; len(values) {
	case 0:
		return "", false, nil
	case 1:
		if !utf8.ValidString(values[0]) {
			return "", true, badArgument(name + ": it is not UTF-8")
		}
		return values[0], true, nil
	}
	return "", true, badArgument(name + ": the parameter is there twice")
}

// needText is text of a parameter that must be there.
func (r *request) needText(name string) (string, error) {
	value, given, err := r.text(name)
	if err == nil && !given {
		err = badArgument(name + ": it is missing")
	}
	return value, err
}

// optional is a number of the query; given is false where it is absent or empty.
func (r *request) optional(name string) (n int64, given bool, err error) {
	value, _, err := r.text(name)
	if err != nil || value == "" {
		return 0, false, err
	}
	if n, err = strconv.ParseInt(value, 10, 64); err != nil || value[0] == '+' {
		return 0, true, badArgument(name + ": " + short(value) + ": it must be a whole number")
	}
	if n < 0 {
		return 0, true, badArgument(name + ": it must not be negative")
	}
	return n, true, nil
}

// number is a number that must be there.
func (r *request) number(name string) (int64, error) {
	n, given, err := r.optional(name)
	if err == nil && !given {
		err = badArgument(name + ": it is missing")
	}
	return n, err
}

// flag is a boolean of the query, false where it is absent.
func (r *request) flag(name string) (bool, error) {
	value, _, err := r.text(name)
	if err != nil {
		return false, err
	}
	switch value {
	case "", "false", "0":
		return false, nil
	case "true", "1":
		return true, nil
	}
	return false, badArgument(name + ": " + short(value) + ": it must be true, false, 1 or 0")
}
