package sftp

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"

	"trivium/drivers"
)

// hostKey is what a server has to show. The zero value is any key.
type hostKey struct {
	print string // SHA256:...
	kind  string // "ssh-ed25519", ...; "" where only print is known
}

// parseHostKey reads a fingerprint or a key as authorized_keys has it; "" is any key.
func parseHostKey(s string) (hostKey, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return hostKey{}, nil
	}
	if sum, ok := strings.CutPrefix(s, "SHA256:"); ok {
		sum = strings.TrimRight(sum, "=")
		if raw, err := base64.RawStdEncoding.DecodeString(sum); err != nil || len(raw) != 32 {
			return hostKey{}, errors.New("hostKey: behind SHA256: a fingerprint has 43 characters of base64")
		}
		return hostKey{print: "SHA256:" + sum}, nil
	}
	key, _, _, rest, err := ssh.ParseAuthorizedKey([]byte(s))
	if err != nil || len(rest) > 0 {
		return hostKey{}, errors.New(`hostKey: want "SHA256:..." or a key like "ssh-ed25519 AAAA...", without the host's name`)
	}
	return hostKey{print: ssh.FingerprintSHA256(key), kind: key.Type()}, nil
}

// any tells whether every key will do.
func (h hostKey) any() bool { return h.print == "" }

// algorithms are the kinds of key to ask the server for, one try after the other; nil is all that there are. A server
// has a key of each kind as a rule and shows the one that is asked for first.
func (h hostKey) algorithms() [][]string {
	rsa := []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	switch {
	case h.any():
		return [][]string{nil}
	case h.kind == "":
		return [][]string{{ssh.KeyAlgoED25519}, {ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521}, rsa}
	case h.kind == ssh.KeyAlgoRSA:
		return [][]string{rsa}
	}
	return [][]string{{h.kind}}
}

func (h hostKey) check(key ssh.PublicKey) error {
	if got := ssh.FingerprintSHA256(key); !h.any() && got != h.print {
		return &wrongKeyError{got: got + " (" + key.Type() + ")", want: h.print}
	}
	return nil
}

// wrongKeyError says that the server is not the one that is known.
type wrongKeyError struct{ got, want string }

// Error says what to do.
func (e *wrongKeyError) Error() string {
	return fmt.Sprintf("the server shows the host key %s where %s is required: somebody may have come between; if the server "+
		"got a new key, put that into hostKey: %v", e.got, e.want, drivers.ErrDenied)
}

// Unwrap returns the sentinel.
func (e *wrongKeyError) Unwrap() error { return drivers.ErrDenied }
