package drivers

import "context"

// Config is the settings of one space by field name, secrets included.
type Config map[string]string

// Field describes one setting of a Kind.
type Field struct {
	Name     string
	Help     string // one line
	Default  string
	Required bool
	Secret   bool // sealed at rest, never shown
}

// Kind is the registration of a driver: what wire.go hands to core so that spaces can be opened by name.
type Kind struct {
	Name   string // as users write it: "Local", "Memory", "S3"
	Fields []Field
	// Trusted storage need not be sealed by default: bytes written to it stay under the operator's control.
	Trusted bool
	// Validate checks a config without I/O; its error names the field.
	Validate func(Config) error
	// Open connects. name is the space's name, for errors.
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
