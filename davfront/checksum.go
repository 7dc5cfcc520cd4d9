package davfront

import (
	"crypto/subtle"
	"encoding/hex"
	"strings"

	"trivium/core"
)

// wantChecksum makes a PUT verify OC-Checksum: words of an algorithm, a colon and hex digits. What is of an algorithm
// that is not computed here is passed over.
func wantChecksum(opts *core.PutOptions, header string) error {
	want := make(map[core.DigestSet][]byte)
	for word := range strings.FieldsSeq(header) {
		name, digits, ok := strings.Cut(word, ":")
		sum, err := hex.DecodeString(digits)
		if !ok || err != nil {
			return badRequest("OC-Checksum: it must be ALGORITHM:HEX")
		}
		switch strings.ToUpper(name) {
		case "MD5":
			want[core.DigestMD5] = sum
		case "SHA1":
			want[core.DigestSHA1] = sum
		case "SHA256":
			want[core.DigestSHA256] = sum
		}
	}
	for set := range want {
		opts.Digests |= set
	}
	opts.Verify = func(d core.Digests) error {
		for set, have := range map[core.DigestSet][]byte{
			core.DigestMD5: d.MD5[:], core.DigestSHA1: d.SHA1[:], core.DigestSHA256: d.SHA256[:],
		} {
			if sum, ok := want[set]; ok && subtle.ConstantTimeCompare(sum, have) != 1 {
				return &core.Error{Code: core.BadDigest, Msg: "OC-Checksum: the content has another checksum"}
			}
		}
		return nil
	}
	return nil
}
