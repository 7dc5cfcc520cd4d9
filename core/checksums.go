package core

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"hash/crc32"
	"strconv"

	"github.com/minio/crc64nvme"

	"trivium/core/content"
	"trivium/core/shardfile"
)

// checksumDigest returns the digest that an S3 checksum algorithm needs; none for "". BadArgument for an
// algorithm that is not known.
func checksumDigest(algorithm string) (DigestSet, error) {
	switch algorithm {
	case "":
		return 0, nil
	case "CRC32":
		return content.CRC32, nil
	case "CRC32C":
		return content.CRC32C, nil
	case "CRC64NVME":
		return content.CRC64NVME, nil
	case "SHA1":
		return content.SHA1, nil
	case "SHA256":
		return content.SHA256, nil
	}
	return 0, Errorf(BadArgument, "", "the checksum algorithm %.32q is not known", algorithm)
}

// checksumValue returns the algorithm's value of a body as S3 writes it: base64 of the big-endian bytes. "" for
// no algorithm.
func checksumValue(algorithm string, d *Digests) string {
	switch algorithm {
	case "CRC32":
		return crcValue(algorithm, uint64(d.CRC32))
	case "CRC32C":
		return crcValue(algorithm, uint64(d.CRC32C))
	case "CRC64NVME":
		return crcValue(algorithm, d.CRC64NVME)
	case "SHA1":
		return base64.StdEncoding.EncodeToString(d.SHA1[:])
	case "SHA256":
		return base64.StdEncoding.EncodeToString(d.SHA256[:])
	}
	return ""
}

// crcValue writes a CRC of that algorithm in base64.
func crcValue(algorithm string, crc uint64) string {
	if algorithm == "CRC64NVME" {
		return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, crc))
	}
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, uint32(crc)))
}

// checkUploadChecksum refuses what S3 CreateMultipartUpload refuses: SHA1 and SHA256 of a whole object cannot be
// combined from parts, CRC64NVME is never composite.
func checkUploadChecksum(c Checksum) error {
	if _, err := checksumDigest(c.Algorithm); err != nil {
		return err
	}
	sha := c.Algorithm == "SHA1" || c.Algorithm == "SHA256"
	if sha && !c.Composite || c.Algorithm == "CRC64NVME" && c.Composite {
		return Errorf(BadArgument, "", "checksum type and algorithm %s do not go together", c.Algorithm)
	}
	return nil
}

// joinETags returns the ETag of a completed upload: the MD5 of the parts' MD5s and their number (S3
// CompleteMultipartUpload). An ETag that is no MD5 counts with its characters.
func joinETags(parts []UploadPart) string {
	h := md5.New()
	for i := range parts {
		if raw, err := hex.DecodeString(parts[i].ETag); err == nil {
			h.Write(raw)
		} else {
			h.Write([]byte(parts[i].ETag))
		}
	}
	return hex.EncodeToString(h.Sum(nil)) + "-" + strconv.Itoa(len(parts))
}

// joinDigests returns the SHA-256 of the parts' SHA-256s in order, nil when one of them has none.
func joinDigests(parts []UploadPart) []byte {
	h := sha256.New()
	for i := range parts {
		if len(parts[i].SHA256) != sha256.Size {
			return nil
		}
		h.Write(parts[i].SHA256)
	}
	return h.Sum(nil)
}

// joinChecksums returns the checksum of a completed upload: composite, the algorithm over the parts' raw values
// with their number; else combined from the parts' CRCs and sizes without reading a byte. A part without a
// value of the algorithm is InvalidPart.
func joinChecksums(c Checksum, parts []UploadPart) (Checksum, error) {
	if c.Algorithm == "" {
		return Checksum{}, nil
	}
	raw := make([][]byte, len(parts))
	for i := range parts {
		var err error
		if raw[i], err = base64.StdEncoding.DecodeString(parts[i].Checksum); err != nil || len(raw[i]) == 0 {
			return c, Errorf(InvalidPart, "", "part %d has no %s checksum", parts[i].Number, c.Algorithm)
		}
	}
	if c.Composite {
		h := checksumHash(c.Algorithm)
		for _, r := range raw {
			h.Write(r)
		}
		c.Value = base64.StdEncoding.EncodeToString(h.Sum(nil)) + "-" + strconv.Itoa(len(parts))
		return c, nil
	}
	combiner := shardfile.NewCombiner(combinerOf(c.Algorithm))
	var sum uint64
	for i := range parts {
		sum = combiner.Combine(sum, crcOf(raw[i]), parts[i].Size)
	}
	c.Value = crcValue(c.Algorithm, sum)
	return c, nil
}

// checksumHash returns the algorithm as a running hash whose Sum is big-endian.
func checksumHash(algorithm string) hash.Hash {
	switch algorithm {
	case "CRC32":
		return crc32.NewIEEE()
	case "CRC32C":
		return crc32.New(crc32.MakeTable(crc32.Castagnoli))
	case "SHA1":
		return sha1.New()
	case "SHA256":
		return sha256.New()
	}
	return crc64nvme.New()
}

// combinerOf returns the CRC to combine; SHA algorithms are never full-object.
func combinerOf(algorithm string) shardfile.Algorithm {
	switch algorithm {
	case "CRC32":
		return shardfile.CRC32
	case "CRC32C":
		return shardfile.CRC32C
	}
	return shardfile.CRC64NVME
}

// crcOf reads a big-endian CRC of 4 or 8 bytes.
func crcOf(raw []byte) uint64 {
	var v uint64
	for _, b := range raw {
		v = v<<8 | uint64(b)
	}
	return v
}
