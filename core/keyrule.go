package core

import (
	"strings"
	"unicode/utf8"
)

// MaxKey is the longest key in bytes (S3 object key naming).
const MaxKey = 1024

// MaxMetadata is the most user metadata of one version: bytes of all keys and values together.
const MaxMetadata = 8 << 10

// MaxObject is the longest content of one object in bytes: 5 TiB.
const MaxObject = 5 << 40

// SplitKey returns the package and the path of a key: the first "/" at an index over 0 parts them. A key
// without one, or with a leading "/", belongs to the root package "" and is its own path.
func SplitKey(key string) (pkg, path string) {
	if i := strings.IndexByte(key, '/'); i > 0 {
		return key[:i], key[i+1:]
	}
	return "", key
}

// JoinKey is the reverse of SplitKey. For the root package the path must have no "/" but a leading one, else
// the key would belong to another package; ok tells whether it is so.
func JoinKey(pkg, path string) (key string, ok bool) {
	if pkg == "" {
		key = path
	} else {
		key = pkg + "/" + path
	}
	back, _ := SplitKey(key)
	return key, back == pkg
}

// CheckKey returns BadKey or KeyTooLong unless key is 1..1024 bytes of UTF-8 without NUL. Keys are never
// cleaned or normalised.
func CheckKey(key string) error {
	switch {
	case key == "":
		return Errorf(BadKey, key, "the key is empty")
	case len(key) > MaxKey:
		return Errorf(KeyTooLong, key[:64]+"...", "the key has %d bytes, at most %d are allowed", len(key), MaxKey)
	case !utf8.ValidString(key) || strings.IndexByte(key, 0) >= 0:
		return &Error{Code: BadKey, Msg: "the key is not UTF-8 without NUL"}
	}
	return nil
}

// checkMetadata returns MetadataTooLarge for more than 8 KiB of user metadata, or of all other attributes together:
// clients take only so much in the headers of a reply.
func checkMetadata(a *Attrs) error {
	n := 0
	for k, v := range a.Metadata {
		n += len(k) + len(v)
	}
	if n > MaxMetadata {
		return Errorf(MetadataTooLarge, "", "the metadata has %d bytes, at most %d are allowed", n, MaxMetadata)
	}
	n = len(a.ContentType) + len(a.CacheControl) + len(a.ContentDisposition) + len(a.ContentEncoding) +
		len(a.ContentLanguage) + len(a.Expires) + len(a.WebsiteRedirect)
	if n > MaxMetadata {
		return Errorf(MetadataTooLarge, "", "the content type and its like have %d bytes, at most %d are allowed", n, MaxMetadata)
	}
	return nil
}
