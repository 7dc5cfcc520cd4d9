package crash

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
)

// absent is the sum of a key that is not there.
const absent = "absent"

// sumOf is how bodies are compared: by length and SHA-256.
func sumOf(body []byte) string {
	sum := sha256.Sum256(body)
	return fmt.Sprintf("%d:%s", len(body), hex.EncodeToString(sum[:]))
}

// object is what the ledger knows of one key. Only one worker uses a key, one call after the other, so that an
// unknown outcome has exactly two possible states.
type object struct {
	bucket, key string
	// may are the sums that the key may have: one after an answer, more after calls that were cut off.
	may []string
	// versions are the acknowledged ones by id, in the versioned bucket; tried are the sums of writes there that
	// were cut off.
	versions map[string]string
	tried    []string
	upload   *upload
}

// upload is an unfinished multipart upload with the parts that were acknowledged.
type upload struct {
	id    string
	body  []byte
	size  int // of a part, but the last
	etags []string
}

// part returns the bytes of part i, from 0.
func (u *upload) part(i int) []byte { return u.body[i*u.size : min((i+1)*u.size, len(u.body))] }

// parts is how many there are.
func (u *upload) parts() int { return (len(u.body) + u.size - 1) / u.size }

// acknowledged: the key has this sum and no other.
func (o *object) acknowledged(sum, version string) {
	o.may = []string{sum}
	if version != "" && sum != absent {
		o.versions[version] = sum
	}
}

// cutOff: the key has what it had, or this sum.
func (o *object) cutOff(sum string) {
	o.may = append(o.may, sum)
	if sum != absent {
		o.tried = append(o.tried, sum)
	}
}

// saw compares what a read found with what may be there; from then on it is that.
func (o *object) saw(sum string) error {
	if !slices.Contains(o.may, sum) {
		return fmt.Errorf("%s/%s is %s, want one of %v", o.bucket, o.key, sum, o.may)
	}
	o.may = []string{sum}
	return nil
}
