package core

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
)

// Sealed values: version byte, id of the master key (big-endian), random nonce, AES-256-GCM of the value. What
// the value belongs to is authenticated, so that a sealed secret does not open in another row.
const (
	sealVersion = 1
	sealNonce   = 12
	sealHeader  = 1 + 4 + sealNonce
)

// errSealed is all that is told about a sealed value that does not open.
var errSealed = errors.New("sealed value does not open")

// Seal encrypts a small secret for the row that owner names ("key AK1", "space 3").
func (m *MasterKeys) Seal(owner string, secret []byte) []byte {
	return sealWith(m.keys[0].secrets, m.keys[0].id, owner, secret)
}

// Unseal is the reverse of Seal, with the key that sealed it. The error says nothing of the content.
func (m *MasterKeys) Unseal(owner string, sealed []byte) ([]byte, error) {
	if len(sealed) < sealHeader || sealed[0] != sealVersion {
		return nil, fmt.Errorf("secret of %s: %w", owner, errSealed)
	}
	k, err := m.find(binary.BigEndian.Uint32(sealed[1:]))
	if err != nil {
		return nil, fmt.Errorf("secret of %s: %w", owner, err)
	}
	secret, err := openWith(k.secrets, owner, sealed)
	if err != nil {
		return nil, fmt.Errorf("secret of %s: %w", owner, err)
	}
	return secret, nil
}

// sealedByCurrent tells whether Seal would use the same key today.
func (m *MasterKeys) sealedByCurrent(sealed []byte) bool {
	return len(sealed) >= sealHeader && binary.BigEndian.Uint32(sealed[1:]) == m.Current()
}

// sealWith seals under a key of 32 bytes.
func sealWith(key []byte, id uint32, owner string, secret []byte) []byte {
	out := make([]byte, sealHeader, sealHeader+len(secret)+16)
	out[0] = sealVersion
	binary.BigEndian.PutUint32(out[1:], id)
	_, _ = rand.Read(out[5:sealHeader]) // never fails
	aad := append(out[:5:5], owner...)
	return gcm(key).Seal(out, out[5:sealHeader], secret, aad)
}

// openWith is the reverse of sealWith; errSealed.
func openWith(key []byte, owner string, sealed []byte) ([]byte, error) {
	if len(sealed) < sealHeader || sealed[0] != sealVersion {
		return nil, errSealed
	}
	aad := append(sealed[:5:5], owner...)
	secret, err := gcm(key).Open(nil, sealed[5:sealHeader], sealed[sealHeader:], aad)
	if err != nil {
		return nil, errSealed
	}
	return secret, nil
}

// gcm makes AES-256-GCM of a key of 32 bytes.
func gcm(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("AES key is not of 32 bytes")
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic("AES has no GCM")
	}
	return aead
}
