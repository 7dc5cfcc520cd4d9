package crash

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// absent is the state of a key that is not there.
const absent = "absent"

// stateOf is what a key holds, as it is compared: length and SHA-256 of the content, and the client's time in seconds,
// "" for none.
func stateOf(body []byte, mtime string) string {
	sum := sha256.Sum256(body)
	return fmt.Sprintf("%d:%s@%s", len(body), hex.EncodeToString(sum[:]), mtime)
}

// withTime is a state with another time of the client.
func withTime(state, mtime string) string {
	content, _, _ := strings.Cut(state, "@")
	return content + "@" + mtime
}

// marker is the state of a folder's marker.
func marker() string { return stateOf(nil, "") }

// object is what the ledger knows of one key. Only one worker uses a key, one call after the other.
type object struct {
	bucket, key string
	state       string
	// versions are the acknowledged ones whose id is known, in the versioned bucket.
	versions map[string]string
	upload   *upload
	native   *nativeUpload
	lock     string // token of the lock of WebDAV, "": none
}

// there tells whether the key holds anything.
func (o *object) there() bool { return o.state != absent }

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

// nativeUpload is an unfinished upload of the native API; its parts, by index, are acknowledged.
type nativeUpload struct {
	id    int64
	parts [][]byte
}

// change is what a call makes of one key.
type change struct {
	o     *object
	state string
}

// unsure is a call whose answer did not come: all of it was done or nothing.
type unsure struct {
	what    string
	changes []change
	lock    *object // nil, or what was locked or unlocked by it
}

// done tells whether the call was done, by the states that were found, one for each change. An error says that only a
// part of it is there, or something else.
func (u *unsure) done(found []string) (bool, error) {
	old, made := true, true
	for i, c := range u.changes {
		old = old && found[i] == c.o.state
		made = made && found[i] == c.state
	}
	if old || made {
		return made, nil
	}
	var lines []string
	for i, c := range u.changes {
		lines = append(lines, fmt.Sprintf("%s/%s is %s, was %s, to be %s", c.o.bucket, c.o.key, found[i], c.o.state, c.state))
	}
	return false, fmt.Errorf("%s is neither done nor undone:\n%s", u.what, strings.Join(lines, "\n"))
}

// folder is a folder of a worker: its objects, the marker being the last of them. Two of them have the same names.
type folder struct {
	path    string // in the bucket
	members []*object
}

// there tells whether a tree shows the folder.
func (f *folder) there() bool { return slices.ContainsFunc(f.members, (*object).there) }

// marker is the object that makes the folder stay.
func (f *folder) marker() *object { return f.members[len(f.members)-1] }

// files are the others.
func (f *folder) files() []*object { return f.members[:len(f.members)-1] }

// without is what a folder keeps when o goes from it in a door that shows trees: a marker if that was its last member.
func (f *folder) without(o *object) []change {
	if f == nil || slices.ContainsFunc(f.members, func(m *object) bool { return m != o && m.there() }) {
		return nil
	}
	return []change{{f.marker(), marker()}}
}
