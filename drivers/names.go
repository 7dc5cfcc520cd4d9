package drivers

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// CheckName returns an error wrapping ErrName unless name is a valid non-empty name of the contract.
func CheckName(name string) error {
	if name == "" || !utf8.ValidString(name) || strings.ContainsRune(name, 0) {
		return fmt.Errorf("%q: %w", name, ErrName)
	}
	for seg := range strings.SplitSeq(name, "/") {
		if seg == "" || seg == "." || seg == ".." {
			return fmt.Errorf("%q: segment %q: %w", name, seg, ErrName)
		}
	}
	return nil
}
