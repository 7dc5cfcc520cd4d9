// Package v1 holds the documents of the native API /v1: what its server and its clients say to each other. It is pure.
package v1

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// Prefix is what the paths of all calls begin with.
const Prefix = "/v1/"

// OK is the code of an answer without an error.
const OK = "OK"

// Answer is the envelope of every answer (native API, "Envelope, errors, common rules").
type Answer[T any] struct {
	Code    string `json:"code"`    // OK, or what went wrong: "DataNotFound"
	Message string `json:"message"` // "", or the value, the reason and the next step
	Data    T      `json:"data"`    // null on an error
}

// Size is a number of bytes: on the wire a string of digits; a number is taken too.
type Size int64

// MarshalJSON implements json.Marshaler.
func (s Size) MarshalJSON() ([]byte, error) {
	return []byte(`"` + strconv.FormatInt(int64(s), 10) + `"`), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *Size) UnmarshalJSON(b []byte) error {
	text := string(b)
	if len(b) > 0 && b[0] == '"' {
		if err := json.Unmarshal(b, &text); err != nil {
			return err
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return fmt.Errorf("%.32q is no size", text)
	}
	*s = Size(n)
	return nil
}

// Bucket is a bucket.
type Bucket struct {
	BucketID int64  `json:"bucketID"`
	Name     string `json:"name"`
}

// Package is a package; "" is the name of the root package.
type Package struct {
	PackageID  int64     `json:"packageID"`
	Name       string    `json:"name"`
	BucketID   int64     `json:"bucketID"`
	CreateTime time.Time `json:"createTime"`
}

// The types of Redundancy that are there.
const (
	RedundancyNone   = "none"
	RedundancyUpload = "multipartUpload" // an unfinished upload
	RedundancyRep    = "rep"
	RedundancyEC     = "ec"
	RedundancyLRC    = "lrc"
)

// Redundancy says how content is kept.
type Redundancy struct {
	Type      string `json:"type" api:"required"` // none, multipartUpload, rep, ec or lrc
	RepCount  int    `json:"repCount,omitempty"`  // of rep; 0: 2
	K         int    `json:"k,omitempty"`         // of ec and lrc: pieces that suffice; 0: 2, 4
	N         int    `json:"n,omitempty"`         // all pieces; 0: 3, 4 and the number of groups and one
	Groups    []int  `json:"groups,omitempty"`    // of lrc; none: one of k
	ChunkSize int64  `json:"chunkSize,omitempty"` // bytes of a piece of a full segment; 0: 16 MiB / k
	// Strict acknowledges only when all pieces are durable; DegradedWrites with any k of them when no more spaces answer.
	Strict         bool `json:"strict,omitempty"`
	DegradedWrites bool `json:"degradedWrites,omitempty"`
}

// Object is an object.
type Object struct {
	ObjectID   int64      `json:"objectID"`
	PackageID  int64      `json:"packageID"`
	Path       string     `json:"path"`
	Size       Size       `json:"size"`
	FileHash   string     `json:"fileHash"` // Full or Comp and 64 upper-case hex digits; "" where none is known
	Redundancy Redundancy `json:"redundancy"`
	CreateTime time.Time  `json:"createTime"`
	UpdateTime time.Time  `json:"updateTime"`
}

// Info is what an object has beside its record.
type Info struct {
	VersionID    string            `json:"versionID"`
	ETag         string            `json:"etag"`
	ContentType  string            `json:"contentType"`
	Metadata     map[string]string `json:"metadata"`
	Tags         map[string]string `json:"tags"`
	StorageClass string            `json:"storageClass"`
	ExpireTime   *time.Time        `json:"expireTime"` // null: never
}

// Version is a version of an object, or a delete marker.
type Version struct {
	VersionID      string    `json:"versionID"`
	IsLatest       bool      `json:"isLatest"`
	IsDeleteMarker bool      `json:"isDeleteMarker"`
	Size           Size      `json:"size"`
	FileHash       string    `json:"fileHash"`
	KeepForever    bool      `json:"keepForever"`
	CreateTime     time.Time `json:"createTime"`
}

// Part is a part of an unfinished upload.
type Part struct {
	Index      int       `json:"index"`
	Size       Size      `json:"size"`
	FileHash   string    `json:"fileHash"`
	UpdateTime time.Time `json:"updateTime"`
}

// Policy is what the owner of a bucket sets.
type Policy struct {
	Redundancy Redundancy `json:"redundancy"`
	Spaces     []int64    `json:"spaces"`
	Versioning string     `json:"versioning"` // Off, Enabled or Suspended
	PublicRead bool       `json:"publicRead"`
	Grants     []Grant    `json:"grants"`
}

// Grant lets a user use a bucket.
type Grant struct {
	UserID int64  `json:"userID"`
	Access string `json:"access"` // read or write
}
