package s3front

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"net/http"
	"strings"

	"github.com/minio/crc64nvme"

	"trivium/core"
	"trivium/s3front/sigv4"
)

const checksumHeader = "X-Amz-Checksum-"

// algorithm is a checksum that S3 knows; the zero value is none.
type algorithm struct {
	name   string // as in XML and in core: "CRC32"
	suffix string // of its header, as net/http spells it: "Crc32"
	size   int    // bytes
	set    core.DigestSet
}

// algorithms are the checksums that are implemented.
func algorithms() [5]algorithm {
	return [...]algorithm{
		{"CRC32", "Crc32", 4, core.DigestCRC32},
		{"CRC32C", "Crc32c", 4, core.DigestCRC32C},
		{"CRC64NVME", "Crc64nvme", 8, core.DigestCRC64NVME},
		{"SHA1", "Sha1", 20, core.DigestSHA1},
		{"SHA256", "Sha256", 32, core.DigestSHA256},
	}
}

// algorithmNamed finds an algorithm by its name in any case.
func algorithmNamed(name string) (algorithm, error) {
	for _, a := range algorithms() {
		if strings.EqualFold(a.name, name) {
			return a, nil
		}
	}
	return algorithm{}, badRequest("Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]")
}

// sum returns the algorithm's value of a body, big-endian.
func (a algorithm) sum(d *core.Digests) []byte {
	switch a.set {
	case core.DigestCRC32:
		return binary.BigEndian.AppendUint32(nil, d.CRC32)
	case core.DigestCRC32C:
		return binary.BigEndian.AppendUint32(nil, d.CRC32C)
	case core.DigestCRC64NVME:
		return binary.BigEndian.AppendUint64(nil, d.CRC64NVME)
	case core.DigestSHA1:
		return d.SHA1[:]
	}
	return d.SHA256[:]
}

// ofNothing returns the algorithm's value of an empty body.
func (a algorithm) ofNothing() []byte {
	return a.sum(&core.Digests{SHA1: sha1.Sum(nil), SHA256: sha256.Sum256(nil)})
}

// declared is what a client says about the digests of its body.
type declared struct {
	algorithm algorithm
	value     []byte // of algorithm; nil when it comes as a trailer
	trailer   string // the trailer's name, lower case; "" when there is none
	md5       []byte // Content-MD5
	sha256    []byte // x-amz-content-sha256
}

// any tells whether a checksum or Content-MD5 was declared.
func (d *declared) any() bool { return d.md5 != nil || d.algorithm.name != "" }

// needDigest refuses a request that declares neither Content-MD5 nor a checksum of its body.
func needDigest(r *request) error {
	d, err := declaredDigests(r)
	if err == nil && !d.any() {
		err = badRequest("Missing required header for this request: Content-MD5 OR x-amz-checksum-*")
	}
	return err
}

// digests are those that Verify needs.
func (d *declared) digests() core.DigestSet {
	set := d.algorithm.set
	if d.md5 != nil {
		set |= core.DigestMD5
	}
	if d.sha256 != nil {
		set |= core.DigestSHA256
	}
	return set
}

// declaredDigests reads Content-MD5, x-amz-checksum-*, x-amz-trailer and x-amz-content-sha256.
func declaredDigests(r *request) (declared, error) {
	var d declared
	var err error
	if values, ok := r.Header["Content-Md5"]; ok {
		if d.md5, err = base64.StdEncoding.DecodeString(values[0]); err != nil || len(d.md5) != 16 || len(values) > 1 {
			return d, &apiError{code: invalidDigest}
		}
	}
	if r.auth.PayloadHash != "" {
		if d.sha256, err = hex.DecodeString(r.auth.PayloadHash); err != nil {
			return d, &apiError{code: invalidDigest, err: err}
		}
	}
	if err := d.readHeaders(r.Header); err != nil {
		return d, err
	}
	if err := d.readTrailer(r.Header); err != nil {
		return d, err
	}
	if name := r.Header.Get("X-Amz-Sdk-Checksum-Algorithm"); name != "" {
		a, err := algorithmNamed(name)
		switch {
		case err != nil:
			return d, err
		case d.algorithm.name == "":
			return d, badRequest("x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.")
		case a.name != d.algorithm.name:
			return d, badRequest("Value for x-amz-sdk-checksum-algorithm header is invalid.")
		}
	}
	return d, nil
}

// readHeaders reads the one x-amz-checksum-<algorithm> header there may be.
func (d *declared) readHeaders(h http.Header) error {
	for name, values := range h {
		suffix, ok := strings.CutPrefix(name, checksumHeader)
		if !ok || suffix == "Algorithm" || suffix == "Type" || suffix == "Mode" {
			continue
		}
		a, err := algorithmNamed(suffix)
		if err != nil {
			return notImplementedFor("header " + strings.ToLower(name))
		}
		if d.algorithm.name != "" || len(values) > 1 {
			return badRequest("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
		}
		if d.value, err = a.decode(values[0]); err != nil {
			return err
		}
		d.algorithm = a
	}
	return nil
}

// decode reads a checksum in base64.
func (a algorithm) decode(value string) ([]byte, error) {
	raw, err := base64.StdEncoding.DecodeString(value)
	if err != nil || len(raw) != a.size {
		return nil, badRequest("Value for %s header is invalid.", strings.ToLower(checksumHeader+a.suffix))
	}
	return raw, nil
}

// readTrailer reads which checksum x-amz-trailer announces.
func (d *declared) readTrailer(h http.Header) error {
	names := trailerNames(h)
	for _, name := range names {
		suffix, ok := strings.CutPrefix(name, "x-amz-checksum-")
		a, err := algorithmNamed(suffix)
		if !ok || err != nil || len(names) > 1 {
			return badRequest("The value specified in the x-amz-trailer header is not supported")
		}
		if d.algorithm.name != "" {
			return badRequest("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
		}
		d.algorithm, d.trailer = a, name
	}
	return nil
}

// trailerNames are the trailers that x-amz-trailer announces, in lower case.
func trailerNames(h http.Header) []string {
	var names []string
	for _, value := range h["X-Amz-Trailer"] {
		for name := range strings.SplitSeq(value, ",") {
			if name = strings.ToLower(strings.TrimSpace(name)); name != "" {
				names = append(names, name)
			}
		}
	}
	return names
}

// verify compares what was computed over the body with what was declared.
func (d *declared) verify(got *core.Digests, chunks *sigv4.ChunkReader) error {
	if d.sha256 != nil && !bytes.Equal(d.sha256, got.SHA256[:]) {
		return &apiError{code: sha256Mismatch, fields: []field{
			{"ClientComputedContentSHA256", hex.EncodeToString(d.sha256)},
			{"S3ComputedContentSHA256", hex.EncodeToString(got.SHA256[:])},
		}}
	}
	if d.md5 != nil && !bytes.Equal(d.md5, got.MD5[:]) {
		return &apiError{code: badDigest, msg: "The Content-MD5 you specified did not match what we received.", fields: []field{
			{"ExpectedDigest", hex.EncodeToString(d.md5)}, {"CalculatedDigest", hex.EncodeToString(got.MD5[:])},
		}}
	}
	if d.algorithm.name == "" {
		return nil
	}
	want := d.value
	if d.trailer != "" {
		value, _ := chunks.Trailer(d.trailer)
		var err error
		if want, err = d.algorithm.decode(value); err != nil {
			return err
		}
	}
	if !bytes.Equal(want, d.algorithm.sum(got)) {
		return &apiError{code: badDigest, msg: "The " + d.algorithm.name + " you specified did not match the calculated checksum."}
	}
	return nil
}

// checksumHeaders shows a stored checksum.
func checksumHeaders(h http.Header, c core.Checksum) {
	a, err := algorithmNamed(c.Algorithm)
	if err != nil || c.Value == "" {
		return
	}
	h[checksumHeader+a.suffix] = []string{c.Value}
	h["X-Amz-Checksum-Type"] = []string{checksumType(c)}
}

func checksumType(c core.Checksum) string {
	if c.Composite {
		return "COMPOSITE"
	}
	return "FULL_OBJECT"
}

// digestsOf computes the wanted digests of a document in memory.
func digestsOf(data []byte, set core.DigestSet) core.Digests {
	d := core.Digests{Size: int64(len(data)), Set: set}
	if set.Has(core.DigestMD5) {
		d.MD5 = md5.Sum(data)
	}
	if set.Has(core.DigestSHA256) {
		d.SHA256 = sha256.Sum256(data)
	}
	if set.Has(core.DigestSHA1) {
		d.SHA1 = sha1.Sum(data)
	}
	if set.Has(core.DigestCRC32) {
		d.CRC32 = crc32.ChecksumIEEE(data)
	}
	if set.Has(core.DigestCRC32C) {
		d.CRC32C = crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))
	}
	if set.Has(core.DigestCRC64NVME) {
		d.CRC64NVME = crc64nvme.Checksum(data)
	}
	return d
}
