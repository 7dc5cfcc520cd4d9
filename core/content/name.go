package content

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// shardsDir is the directory of shards in a space's working directory, probeName what Probe writes there, markerName
// the space's marker.
const (
	shardsDir  = "shards"
	markerName = "trivium.json"
	probeName  = "probe"
)

// ShardName returns the name of a shard in a space with that working directory:
// <workingDir>/shards/<2 hex>/<blob id>.<segment>.<generation>.<index>. Blobs that were written one after
// the other share a directory for a while, so that a driver can sync it once for several of them.
func ShardName(workingDir string, id BlobID, p Place) string {
	var buf [192]byte
	b := buf[:0]
	if workingDir != "" {
		b = append(append(b, workingDir...), '/')
	}
	b = append(b, shardsDir...)
	b = append(b, '/')
	b = hex.AppendEncode(b, []byte{directory(id)})
	b = append(b, '/')
	raw := id.Bytes()
	b = hex.AppendEncode(b, raw[:])
	for _, n := range [...]int{p.Segment, p.Generation, p.Index} {
		b = strconv.AppendInt(append(b, '.'), int64(n), 10)
	}
	return string(b)
}

// ShardPrefix returns the directory below which all shards of a space lie.
func ShardPrefix(workingDir string) string { return join(workingDir, shardsDir) }

// ProbeName is the name of the file that Probe writes and removes. One that lies there for longer was left by a process
// that died; whoever removes it, at any time, disturbs nobody.
func ProbeName(workingDir string) string { return join(ShardPrefix(workingDir), probeName) }

// TestName is the name of a file that a test of a space writes and removes; each call returns another one.
func TestName(workingDir string) string { return join(workingDir, "trivium-test-"+rand.Text()[:12]) }

// directory is the number of the directory that the blob's shards lie in.
func directory(id BlobID) byte { return byte(id.Counter >> 9) }

// join puts a name below a working directory, which may be empty.
func join(workingDir, name string) string {
	if workingDir == "" {
		return name
	}
	return workingDir + "/" + name
}

// ParseName is the reverse of ShardName, without the space. ErrFormat for any name that ShardName does not
// make, so that foreign files are never taken for shards.
func ParseName(workingDir, name string) (BlobID, Place, error) {
	id, p, ok := parseName(workingDir, name)
	if !ok || ShardName(workingDir, id, p) != name {
		return BlobID{}, Place{}, fmt.Errorf("shard name %q: %w", name, ErrFormat)
	}
	return id, p, nil
}

// parseName reads the parts of a name; whether they make the same name again is up to the caller.
func parseName(workingDir, name string) (id BlobID, p Place, ok bool) {
	rest, ok := strings.CutPrefix(name, join(workingDir, shardsDir)+"/")
	parts := strings.Split(rest, ".")
	if !ok || len(parts) != 4 || len(parts[0]) < 3 {
		return id, p, false
	}
	id, err := ParseBlobName(parts[0][3:])
	if err != nil {
		return id, p, false
	}
	for i, to := range [...]*int{&p.Segment, &p.Generation, &p.Index} {
		n, err := strconv.ParseUint(parts[i+1], 10, 31)
		if err != nil {
			return id, p, false
		}
		*to = int(n)
	}
	return id, p, true
}
