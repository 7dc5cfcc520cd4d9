package core

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"trivium/drivers"
)

// check judges the parts of a new space that need no kind.
func (n *NewSpace) check() error {
	return SpaceChange{
		Name: &n.Name, Domain: &n.Domain, Weight: &n.Weight, State: &n.State, MaxSize: &n.MaxSize,
	}.checkWith(n.WorkingDir)
}

// check judges the parts of a change that need no kind.
func (c SpaceChange) check() error { return c.checkWith("") }

// checkWith is check with the working directory of a new space.
func (c SpaceChange) checkWith(workingDir string) error {
	bad := func(field, format string, args ...any) error {
		return Errorf(BadArgument, "", field+": "+format, args...)
	}
	plain := func(s string) bool {
		return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f })
	}
	switch {
	case c.Name != nil && (*c.Name == "" || len(*c.Name) > maxSpaceName || !plain(*c.Name)):
		return bad("name", "it must have 1 to %d bytes of text", maxSpaceName)
	case c.Domain != nil && (len(*c.Domain) > maxSpaceName || !plain(*c.Domain)):
		return bad("failureDomain", "it must have at most %d bytes of text", maxSpaceName)
	case c.Weight != nil && !(*c.Weight >= 0 && *c.Weight <= 1e6):
		return bad("weight", "it must be within 0 and 1,000,000")
	case c.State != nil && !slices.Contains([]string{"", "active", "readOnly", "draining", "down"}, *c.State):
		return bad("state", "%q: it must be active, readOnly, draining or down", *c.State)
	case c.MaxSize != nil && *c.MaxSize < 0:
		return bad("shardStore.maxSize", "it must not be negative")
	case workingDir != "" && (len(workingDir) > maxWorkingDir || drivers.CheckName(workingDir) != nil || !plain(workingDir)):
		return bad("workingDir", "%q: it must be a relative path without empty, . or .. segments", workingDir)
	}
	return nil
}

// filledConfig is cfg with the defaults of what is not given.
func filledConfig(kind *drivers.Kind, cfg drivers.Config, id int64) drivers.Config {
	full := make(drivers.Config, len(cfg))
	maps.Copy(full, cfg)
	for _, f := range kind.Fields {
		if (full[f.Name] == "" || f.Fixed) && f.Default != "" && f.Feature == "" {
			full[f.Name] = strings.ReplaceAll(f.Default, "{id}", strconv.FormatInt(id, 10))
		}
	}
	return full
}

// checkConfig judges the settings of a space.
func checkConfig(kind *drivers.Kind, cfg drivers.Config) error {
	size := 0
	for name, value := range cfg {
		size += len(name) + len(value)
		if !slices.ContainsFunc(kind.Fields, func(f drivers.Field) bool { return f.Name == name }) {
			return Errorf(BadArgument, "", "%s: a space of type %s has no such field", name, kind.Name)
		}
	}
	if size > maxSpaceConfig {
		return Errorf(BadArgument, "", "the settings are longer than %d bytes", maxSpaceConfig)
	}
	for _, f := range kind.Fields {
		if f.Required && cfg[f.Name] == "" {
			return Errorf(BadArgument, "", "%s: it is missing", f.Name)
		}
		if err := f.Check(cfg[f.Name]); err != nil {
			return &Error{Code: BadArgument, Msg: f.Name + ": " + err.Error()}
		}
	}
	if kind.Validate == nil {
		return nil
	}
	if err := kind.Validate(cfg); err != nil {
		return &Error{Code: BadArgument, Msg: err.Error()}
	}
	return nil
}

// checkFeatures judges the features of a space.
func checkFeatures(kind *drivers.Kind, features []SpaceFeature, noShards bool) error {
	for i, f := range features {
		if !slices.Contains(kind.Features, f.Type) {
			return Errorf(BadArgument, "", "features: %q: a space of type %s takes %s", f.Type, kind.Name, listOr(kind.Features, "none"))
		}
		if slices.ContainsFunc(features[:i], func(o SpaceFeature) bool { return o.Type == f.Type }) {
			return Errorf(BadArgument, "", "features: %s is given twice", f.Type)
		}
		if f.MinPartSize < 0 || f.MaxPartSize < 0 || f.MaxPartSize > 0 && f.MaxPartSize < f.MinPartSize {
			return Errorf(BadArgument, "", "features: minPartSize and maxPartSize contradict each other")
		}
		if f.Type == "BypassWrite" && noShards {
			return Errorf(BadArgument, "", "features: BypassWrite needs a shardStore")
		}
	}
	return nil
}

// addFeatures puts what features say into the settings that a driver is opened with.
func addFeatures(kind *drivers.Kind, cfg drivers.Config, features []SpaceFeature) {
	for _, field := range kind.Fields {
		for _, f := range features {
			if f.Type != field.Feature {
				continue
			}
			if n := map[string]int64{"minPartSize": f.MinPartSize, "maxPartSize": f.MaxPartSize}[field.Name]; n > 0 {
				cfg[field.Name] = strconv.FormatInt(n, 10)
			}
		}
	}
}

// listOr joins names, or says none.
func listOr(names []string, none string) string {
	if len(names) == 0 {
		return none
	}
	return strings.Join(names, ", ")
}
