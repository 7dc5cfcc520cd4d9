package s3front

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"strings"
)

// cursor is where a listing goes on: behind key, or behind everything below it when it is a common prefix.
type cursor struct {
	key    string
	prefix bool
}

// token writes a cursor as an opaque continuation token of a bucket's listing. Its checksum covers the bucket:
// a token that was cut, invented or taken from elsewhere is refused rather than listing from a wrong place.
func token(bucket string, c cursor) string {
	kind := byte('k')
	if c.prefix {
		kind = 'p'
	}
	raw := append([]byte{kind}, c.key...)
	raw = binary.BigEndian.AppendUint32(raw, tokenSum(bucket, raw))
	return base64.RawURLEncoding.EncodeToString(raw)
}

// readToken is the reverse of token; InvalidArgument for what token did not make.
func readToken(bucket, s string) (cursor, error) {
	bad := badArgument("continuation-token", s, "The continuation token provided is incorrect")
	raw, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(raw) < 5 || len(raw) > 2048 {
		return cursor{}, bad
	}
	body, sum := raw[:len(raw)-4], binary.BigEndian.Uint32(raw[len(raw)-4:])
	if sum != tokenSum(bucket, body) || body[0] != 'k' && body[0] != 'p' {
		return cursor{}, bad
	}
	return cursor{key: string(body[1:]), prefix: body[0] == 'p'}, nil
}

func tokenSum(bucket string, body []byte) uint32 {
	return crc32.Update(crc32.ChecksumIEEE([]byte(bucket+"/")), crc32.IEEETable, body)
}

// isCommonPrefix tells whether a marker is a common prefix of the listing: then everything below it was listed
// already.
func isCommonPrefix(marker, prefix, delimiter string) bool {
	rest, ok := strings.CutPrefix(marker, prefix)
	return ok && delimiter != "" && strings.HasSuffix(rest, delimiter) &&
		strings.Index(rest, delimiter) == len(rest)-len(delimiter)
}
