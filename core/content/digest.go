package content

// DigestSet names digests and checksums of a body.
type DigestSet uint8

// The members of a set. CRC64NVME is computed whether it is asked for or not.
const (
	MD5 DigestSet = 1 << iota
	SHA256
	SHA1
	CRC32
	CRC32C
	CRC64NVME
)

// Has tells whether every member of m is in s.
func (s DigestSet) Has(m DigestSet) bool { return s&m == m }

// Digests are what was computed over a body. Only the members in Set are valid.
type Digests struct {
	Size      int64
	Set       DigestSet
	MD5       [16]byte
	SHA256    [32]byte
	SHA1      [20]byte
	CRC32     uint32
	CRC32C    uint32
	CRC64NVME uint64
}
