package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/rawbytes"
	"github.com/knadh/koanf/v2"

	"trivium/core/nearest"
)

// maxConfigFile bounds what is read of a configuration file, in bytes.
const maxConfigFile = 1 << 20

// readConfigFile reads the values of a YAML file, which named names, by option; nothing of no file. An option that is not known is an
// error that names the nearest.
func readConfigFile(path, named string, opts []option) (map[string]string, error) {
	if path == "" {
		return nil, nil
	}
	text, err := readBounded(path)
	if err != nil {
		return nil, fmt.Errorf("configuration file: %w: name another with %s, or leave it out", err, named)
	}
	k := koanf.New(".")
	if err := k.Load(rawbytes.Provider(text), yaml.Parser()); err != nil {
		return nil, fmt.Errorf("configuration file %s: %w: it is made of lines such as `listen: 127.0.0.1:7070`", path, err)
	}
	known := make([]string, 0, len(opts))
	for _, o := range opts {
		known = append(known, o.flag)
	}
	values := make(map[string]string)
	raw := k.Raw()
	for _, key := range slices.Sorted(maps.Keys(raw)) {
		if !slices.Contains(known, key) {
			return nil, fmt.Errorf("configuration file %s: unknown option %s: %s", path, key, nearest.Suggest("", key, known))
		}
		if values[key], err = scalar(raw[key]); err != nil {
			return nil, fmt.Errorf("configuration file %s: %s: %w", path, key, err)
		}
	}
	return values, nil
}

// readBounded reads a file that is not longer than a configuration can be.
func readBounded(path string) (_ []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	text, err := io.ReadAll(io.LimitReader(f, maxConfigFile+1))
	if err == nil && len(text) > maxConfigFile {
		return nil, fmt.Errorf("%s is longer than %d bytes", path, maxConfigFile)
	}
	return text, err
}

// scalar is a value as the command line would give it.
func scalar(value any) (string, error) {
	switch v := value.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case bool, int, int64, uint64, float64:
		return strings.TrimSpace(fmt.Sprint(v)), nil
	}
	return "", errors.New("it must be one value, not a list or a group; put it in quotes")
}
