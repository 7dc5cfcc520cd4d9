package drivers

import (
	"context"
	"fmt"
	"strconv"
)

// Config is the settings of one space by field name, secrets included.
type Config map[string]string

// Field describes one setting of a Kind.
type Field struct {
	Name     string
	Help     string // one line
	Default  string // in one that is made into a path, {id} stands for the space's id
	Required bool
	Secret   bool // sealed at rest, never shown; always a Credential
	// Credential says that the field is about who uses the storage, not about which it is: it may change later.
	Credential bool
	// Learned says that Open may find the value out (see Learned): it is about how the storage is known again, not about
	// which it is, and may change later, but not to nothing.
	Learned bool
	Type    FieldType
	// Feature, when not empty, is the feature that gives the field its value: it is not among the settings people see.
	Feature string
	// Fixed is a field that nobody can give: it has its Default.
	Fixed bool
}

// FieldType says how people write the value of a Field in JSON. In a Config it is always text.
type FieldType uint8

// The types: any text, a whole number, true or false.
const (
	Text FieldType = iota
	Number
	Flag
)

// Kind is the registration of a driver: what wire.go hands to core so that spaces can be opened by name.
type Kind struct {
	Name   string // as users write it: "Local", "Memory", "S3"
	Fields []Field
	// Features are the types of features that such a space may be given (native API, "Features").
	Features []string
	// Trusted storage need not be sealed by default: bytes written to it stay under the operator's control.
	Trusted bool
	// Validate checks a config without I/O; its error names the field.
	Validate func(Config) error
	// Open connects. name is the space's name, for errors. What it finds out about the storage for good it tells Learned,
	// before anything is read or written.
	Open func(ctx context.Context, name string, cfg Config) (Driver, error)
}

// Secrets returns the names of the fields that must be sealed.
func (k Kind) Secrets() []string {
	var names []string
	for _, f := range k.Fields {
		if f.Secret {
			names = append(names, f.Name)
		}
	}
	return names
}

// Check returns why a value cannot be that of the field, nil if it can. What is empty is not given.
func (f Field) Check(value string) error {
	if value == "" {
		return nil
	}
	switch f.Type {
	case Text:
	case Number:
		if _, err := strconv.ParseUint(value, 10, 63); err != nil {
			return fmt.Errorf("%q: want a whole number", value)
		}
	case Flag:
		if value != "true" && value != "false" {
			return fmt.Errorf("%q: want true or false", value)
		}
	}
	return nil
}
