package core

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// masterKeySize is the length of a master key in bytes.
const masterKeySize = 32

// KeyLabel names what a key that is derived from a master key is for (S30).
type KeyLabel string

// The labels. A key of one label is of no use under another.
const (
	LabelSecrets KeyLabel = "secrets" // seals secrets of access keys and spaces
	LabelContent KeyLabel = "content" // seals blobs
	LabelURLs    KeyLabel = "urls"    // signs URLs
	LabelTokens  KeyLabel = "tokens"  // signs bearer tokens
)

// ErrMasterKey is wrapped by every error about master keys: malformed, unknown id, wrong recovery key.
var ErrMasterKey = errors.New("master key")

// ErrOtherMasterKey is wrapped by the error of Open when the store was made with other master keys. It wraps
// ErrMasterKey.
var ErrOtherMasterKey = fmt.Errorf("not the one of this store: %w", ErrMasterKey)

// MasterKeys are the keys everything secret hangs on: the current one, which seals and signs, and older ones,
// which still open and verify. They are immutable; all methods may be called concurrently. They never show
// in formatted output.
type MasterKeys struct {
	keys []derivedKeys // the current one first
}

// derivedKeys are one master key and what HKDF-SHA256 (RFC 5869) makes of it.
type derivedKeys struct {
	id                             uint32
	master                         [masterKeySize]byte
	secrets, content, urls, tokens []byte
}

// GenerateMasterKeys draws a new master key.
func GenerateMasterKeys() *MasterKeys {
	var master [masterKeySize]byte
	_, _ = rand.Read(master[:]) // never fails
	return &MasterKeys{keys: []derivedKeys{derive(master)}}
}

// ParseMasterKeys reads the form that Marshal writes: one key of 64 hex digits a line, the current one first.
// Blank lines and lines that begin with "#" are left out. The error wraps ErrMasterKey and shows nothing of
// the data.
func ParseMasterKeys(data []byte) (*MasterKeys, error) {
	m := new(MasterKeys)
	n := 0
	for line := range bytes.Lines(data) {
		n++
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		var master [masterKeySize]byte
		if len(line) != hex.EncodedLen(masterKeySize) {
			return nil, fmt.Errorf("line %d has not 64 hex digits: %w", n, ErrMasterKey)
		}
		if _, err := hex.Decode(master[:], line); err != nil {
			return nil, fmt.Errorf("line %d has not 64 hex digits: %w", n, ErrMasterKey)
		}
		d := derive(master)
		if _, err := m.find(d.id); err == nil {
			return nil, fmt.Errorf("line %d: key %d is there twice: %w", n, d.id, ErrMasterKey)
		}
		m.keys = append(m.keys, d)
	}
	if len(m.keys) == 0 {
		return nil, fmt.Errorf("there is none: %w", ErrMasterKey)
	}
	return m, nil
}

// Marshal renders the keys for the master key file, which must be readable by its owner alone.
func (m *MasterKeys) Marshal() []byte {
	var b []byte
	for _, k := range m.keys {
		b = hex.AppendEncode(b, k.master[:])
		b = append(b, '\n')
	}
	return b
}

// Rotate returns keys with a new current one; those of m become older ones.
func (m *MasterKeys) Rotate() *MasterKeys {
	fresh := GenerateMasterKeys()
	return &MasterKeys{keys: append(fresh.keys, m.keys...)}
}

// Current returns the id of the key that seals and signs. Ids are made from the keys themselves; none is 0.
func (m *MasterKeys) Current() uint32 { return m.keys[0].id }

// IDs returns the ids of all keys, the current one first.
func (m *MasterKeys) IDs() []uint32 {
	ids := make([]uint32, len(m.keys))
	for i := range m.keys {
		ids[i] = m.keys[i].id
	}
	return ids
}

// Content returns the 32 byte key that blobs with that key id are sealed with; content.Config.Key.
func (m *MasterKeys) Content(id uint32) ([]byte, error) {
	k, err := m.find(id)
	if err != nil {
		return nil, err
	}
	return k.content, nil
}

// Sign returns the HMAC-SHA256 of msg under the current key of that label.
func (m *MasterKeys) Sign(label KeyLabel, msg []byte) []byte {
	return mac(m.keys[0].of(label), msg)
}

// Verify tells whether sum is what Sign made of msg, now or before a rotation. It compares in constant time.
func (m *MasterKeys) Verify(label KeyLabel, msg, sum []byte) bool {
	for i := range m.keys {
		if hmac.Equal(mac(m.keys[i].of(label), msg), sum) {
			return true
		}
	}
	return false
}

// String hides the keys.
func (m *MasterKeys) String() string { return fmt.Sprintf("%d master keys", len(m.keys)) }

// Format hides the keys from every verb, %#v included.
func (m *MasterKeys) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, m.String()) }

// LogValue hides the keys.
func (m *MasterKeys) LogValue() slog.Value { return slog.StringValue(m.String()) }

// find returns the key of that id.
func (m *MasterKeys) find(id uint32) (*derivedKeys, error) {
	for i := range m.keys {
		if m.keys[i].id == id {
			return &m.keys[i], nil
		}
	}
	return nil, fmt.Errorf("no key has id %d: %w", id, ErrMasterKey)
}

// of returns the key of a label.
func (k *derivedKeys) of(label KeyLabel) []byte {
	switch label {
	case LabelSecrets:
		return k.secrets
	case LabelContent:
		return k.content
	case LabelURLs:
		return k.urls
	case LabelTokens:
		return k.tokens
	}
	return expand(k.master[:], string(label))
}

// derive makes the keys of all labels, and the id.
func derive(master [masterKeySize]byte) derivedKeys {
	id := binary.BigEndian.Uint32(expand(master[:], "id"))
	return derivedKeys{
		id:      max(id, 1),
		master:  master,
		secrets: expand(master[:], string(LabelSecrets)),
		content: expand(master[:], string(LabelContent)),
		urls:    expand(master[:], string(LabelURLs)),
		tokens:  expand(master[:], string(LabelTokens)),
	}
}

// expand is HKDF-SHA256 with the label as info.
func expand(secret []byte, label string) []byte {
	key, err := hkdf.Key(sha256.New, secret, nil, "trivium "+label, 32)
	if err != nil {
		// Only lengths that a constant does not have, or a FIPS mode that this program does not run in.
		panic(fmt.Sprintf("derive key: %v", err))
	}
	return key
}

// mac is HMAC-SHA256.
func mac(key []byte, msg []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(msg)
	return h.Sum(nil)
}

const (
	recoverySize  = 20 // bytes: 160 random bits
	recoveryGroup = 4  // characters between two dashes
	// recoveryAlphabet has no I, L, O and U, which are misread or make words (D. Crockford's base 32).
	recoveryAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
)

// RecoveryKey opens wrapped master keys: the one thing to keep on paper. The zero value opens nothing.
type RecoveryKey struct {
	secret [recoverySize]byte
}

// NewRecoveryKey draws a recovery key.
func NewRecoveryKey() RecoveryKey {
	var r RecoveryKey
	_, _ = rand.Read(r.secret[:]) // never fails
	return r
}

// Reveal renders the key for its owner: nine groups of four letters and digits, the last of them a checksum.
func (r RecoveryKey) Reveal() string {
	sum := sha256.Sum256(r.secret[:])
	all := append(bytes.Clone(r.secret[:]), sum[:3]...)
	text := base32.NewEncoding(recoveryAlphabet).WithPadding(base32.NoPadding).EncodeToString(all)
	text = text[:36] // the last 4 characters hold 20 bits of the checksum
	var groups []string
	for i := 0; i < len(text); i += recoveryGroup {
		groups = append(groups, text[i:i+recoveryGroup])
	}
	return strings.Join(groups, "-")
}

// ParseRecoveryKey reads what Reveal printed: in any case, with or without dashes and blanks, with O for 0 and
// I or L for 1. The error wraps ErrMasterKey; a typing error is found by the checksum.
func ParseRecoveryKey(text string) (RecoveryKey, error) {
	clean := strings.NewReplacer("-", "", " ", "", "O", "0", "I", "1", "L", "1").Replace(strings.ToUpper(text))
	var r RecoveryKey
	if len(clean) != 36 {
		return r, fmt.Errorf("recovery key has %d characters instead of 36: %w", len(clean), ErrMasterKey)
	}
	raw, err := base32.NewEncoding(recoveryAlphabet).WithPadding(base32.NoPadding).DecodeString(clean[:32])
	if err != nil {
		return r, fmt.Errorf("recovery key has a character that none has: %w", ErrMasterKey)
	}
	copy(r.secret[:], raw)
	if want := strings.ReplaceAll(r.Reveal(), "-", ""); want != clean {
		return RecoveryKey{}, fmt.Errorf("recovery key is mistyped, its checksum does not fit: %w", ErrMasterKey)
	}
	return r, nil
}

// String hides the key.
func (r RecoveryKey) String() string { return "recovery key" }

// Format hides the key from every verb.
func (r RecoveryKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.String()) }

// Wrap seals all of m for backups (AES-256-GCM); only r opens it.
func (r RecoveryKey) Wrap(m *MasterKeys) []byte {
	return sealWith(expand(r.secret[:], "recovery"), 0, "master keys", m.Marshal())
}

// Unwrap is the reverse of Wrap. The error wraps ErrMasterKey: another recovery key, or damaged data.
func (r RecoveryKey) Unwrap(wrapped []byte) (*MasterKeys, error) {
	data, err := openWith(expand(r.secret[:], "recovery"), "master keys", wrapped)
	if err != nil {
		return nil, fmt.Errorf("wrapped by another recovery key, or damaged: %w", ErrMasterKey)
	}
	return ParseMasterKeys(data)
}
