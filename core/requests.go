package core

import (
	"io"

	"trivium/core/content"
)

// Digests and DigestSet are content's: what was computed over a body while it was received.
type (
	// Digests are the digests and checksums of a body.
	Digests = content.Digests
	// DigestSet names which of them are wanted.
	DigestSet = content.DigestSet
)

// The members of a DigestSet, for doors, which do not see content.
const (
	DigestMD5       = content.MD5
	DigestSHA256    = content.SHA256
	DigestSHA1      = content.SHA1
	DigestCRC32     = content.CRC32
	DigestCRC32C    = content.CRC32C
	DigestCRC64NVME = content.CRC64NVME
)

// Conditions are the preconditions of a request (RFC 9110 §13), judged inside the transaction that reads or
// writes. ETags are without quotes; "*" stands alone. Empty slices and zero times are absent conditions.
type Conditions struct {
	IfMatch           []string
	IfNoneMatch       []string
	IfModifiedSince   int64 // ns since 1970; 0 absent; compared in whole seconds
	IfUnmodifiedSince int64
	// FileTime judges both on Version.FileTime in place of UpdateTime: for doors that show it as the time of the last
	// change. The date that a client was told holds when it comes back.
	FileTime bool
	// IfSize and IfUpdateTime are S3's x-amz-if-match-size and -last-modified-time of DeleteObject.
	IfSize       *int64
	IfUpdateTime int64
}

// Empty tells whether there is no condition at all.
func (c *Conditions) Empty() bool {
	return len(c.IfMatch) == 0 && len(c.IfNoneMatch) == 0 && c.IfModifiedSince == 0 &&
		c.IfUnmodifiedSince == 0 && c.IfSize == nil && c.IfUpdateTime == 0
}

// PutOptions modify PutObject and CreateUpload. The zero value is the common case.
type PutOptions struct {
	Attrs      Attrs // Checksum is ignored here
	MTime      int64 // the client's time; 0 is taken as absent, use MTimeSet for 1970
	MTimeSet   bool
	Class      string
	Conditions Conditions
	// Digests asks for more than MD5, SHA-256 and CRC64NVME.
	Digests DigestSet
	// Checksum names the algorithm whose value is kept with the version ("" : none kept).
	Checksum string
	// Verify judges the digests after the last byte; its error refuses the write whole. It may be called on
	// another goroutine, before PutObject returns.
	Verify func(Digests) error
	// Tree refuses the clash of a file with a folder of the same name and a missing parent folder (doors that
	// show trees).
	Tree bool
	// Package is of the native API: the id of the package that the key belongs to, which must be there (NotFound). The
	// write ends an unfinished native upload of the key, and the SHA-256 is known of what it writes.
	Package int64
	// Free refuses a key that the native API shows already: Exists.
	Free bool
}

// PutResult is what a write leaves behind.
type PutResult struct {
	Entry   Entry // with its new current version
	Created bool  // no live object was there (PutObject)
	Digests Digests
	// SourceVersionID names the version that CopyObject copied; "" where the source's bucket never kept versions.
	SourceVersionID string
}

// Range is a byte range as asked for: First < 0 is a suffix of -First bytes; Last < 0 is to the end.
type Range struct {
	First, Last int64
}

// Validator names the content that a caller has bytes of: by its ETag, without quotes, or by its UpdateTime in ns
// since 1970, compared in whole seconds. 0 is no time. The zero value names nothing.
type Validator struct {
	ETag       string
	UpdateTime int64
}

// GetOptions modify StatObject and OpenObject.
type GetOptions struct {
	VersionID  string // "" the current one, "null", or decimal
	Conditions Conditions
	Range      *Range
	// IfRange, when not nil, keeps Range for that content alone: of any other the whole is meant (RFC 9110 §13.1.5).
	IfRange    *Validator
	PartNumber int // S3: read this part of a completed upload; 0 is none
	// Parts asks for the description of all parts of a completed upload.
	Parts bool
	// ObjectID, when not 0, is that of the object which must be at the key.
	ObjectID int64
	// Choose, when not nil, stands for Conditions, Range and IfRange, where those of a door are others: it judges the
	// version that was found and says which bytes of it are wanted. Object.Ranged stays false. It is called again when the
	// object changed before it could be opened.
	Choose func(v *Version) (Slice, error)
}

// Slice is a run of bytes that a content has; it may be empty.
type Slice struct{ Offset, Length int64 }

// Object is one version of an object as a caller sees it.
type Object struct {
	Bucket Bucket
	Entry  Entry // Version is the one that was asked for
	Latest bool
	// Offset and Length of what Body holds: the whole, or the range clipped to the content.
	Offset, Length int64
	Ranged         bool
	// Part is the one that PartNumber named, of a completed upload.
	Part Part
	// Parts are all of a completed upload, in the order of the content, when they were asked for.
	Parts []Part
}

// Reader is an opened object. Body reads exactly Length verified bytes; it is an io.WriterTo as well. The
// caller closes it. An error in mid-read means that the rest cannot be served: cut the connection.
type Reader struct {
	Object
	Body io.ReadCloser
}

// DeleteOptions modify DeleteObject.
type DeleteOptions struct {
	VersionID  string // "" deletes the object (a marker in versioned buckets)
	Conditions Conditions
}

// DeleteItem is one object of DeleteObjects.
type DeleteItem struct {
	Key string
	DeleteOptions
}

// DeleteResult is the outcome of one deletion.
type DeleteResult struct {
	// MarkerMade: a delete marker with VersionID was added. Otherwise, with VersionID not empty, that version
	// was removed, and WasMarker tells whether it was a delete marker.
	MarkerMade, WasMarker bool
	VersionID             string
	Err                   error // only in the results of DeleteObjects
}

// CopyOptions modify CopyObject. Metadata travels along unless Replace is set, tags unless ReplaceTags is.
type CopyOptions struct {
	SourceVersionID  string
	SourceConditions Conditions
	Replace          bool // take Put.Attrs but for Tags, MTime, Class instead of the source's
	ReplaceTags      bool // take Put.Attrs.Tags
	ReplaceClass     bool // take Put.Class
	// Checksum is the algorithm of the copy's checksum, which is of the whole; "": the source's checksum travels along.
	Checksum string
	SourceID int64 // when not 0, the object that must be at the source's key
	Put      PutOptions
}

// ListOptions select a page of a listing.
type ListOptions struct {
	Prefix, Delimiter string
	// After: only names greater than it; with AfterPrefix it is a common prefix and everything below it is
	// left out too.
	After       string
	AfterPrefix bool
	Limit       int // 1..1000; 0 gives an empty page
	// Attrs fills Version.Attrs of entries, which costs time; without it they are empty.
	Attrs bool
}

// Page is one page of a listing, keys and common prefixes merged in byte order.
type Page[T any] struct {
	Items     []T
	Truncated bool
	// Next and NextPrefix go into After and AfterPrefix of the next page when Truncated.
	Next       string
	NextPrefix bool
}

// ListPage is a page of entries.
type ListPage = Page[ListItem]

// SummaryPage is a page of what listings show of entries.
type SummaryPage = Page[Summary]

// VersionListOptions select a page of versions.
type VersionListOptions struct {
	Prefix, Delimiter string
	AfterKey          string
	AfterVersionID    string // with AfterKey: go on behind this version of it; "" is behind the key
	AfterPrefix       bool   // AfterKey is a common prefix
	Limit             int
}

// VersionItem is a common prefix or one version.
type VersionItem struct {
	CommonPrefix string
	Key          string
	ObjectID     int64
	Version      Version
	Latest       bool
}

// VersionPage is one page of versions: by key, newest first within a key.
type VersionPage struct {
	Items         []VersionItem
	Truncated     bool
	NextKey       string
	NextVersionID string
	NextPrefix    bool
}

// CompletePart names one part of a completion. ETag and Checksum are checked when not empty.
type CompletePart struct {
	Number   int
	ETag     string
	Checksum string
}

// CompleteOptions modify CompleteUpload.
type CompleteOptions struct {
	Conditions Conditions
	// MinPart is the least size of every part but the last (S3: 5 MiB); 0 is no minimum.
	MinPart int64
	// AnyOrder takes parts in the order given, repeats allowed (native); else numbers must ascend (S3).
	AnyOrder bool
	// Size, when >= 0, must be the size of the whole (x-amz-mp-object-size). Use -1 for none.
	Size int64
	// Checksum, when not empty, is the whole object's value the client declared.
	Checksum string
}

// UploadListOptions select a page of uploads.
type UploadListOptions struct {
	Prefix, Delimiter string
	AfterKey, AfterID string
	Limit             int
}

// UploadPage is one page of uploads, by key, then by age.
type UploadPage struct {
	Uploads        []Upload
	CommonPrefixes []string
	Truncated      bool
	NextKey        string
	NextID         string
}
