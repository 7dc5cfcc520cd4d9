package core

import (
	"strconv"

	"trivium/core/content"
)

// Versioning is a bucket's versioning state. It never returns to VersioningOff.
type Versioning int

// The states.
const (
	VersioningOff Versioning = iota
	VersioningEnabled
	VersioningSuspended
)

// User is an account. Disabled users cannot authenticate.
type User struct {
	ID         int64
	Name       string
	Password   string // argon2id hash in PHC form; "" means no password login
	Admin      bool
	Disabled   bool
	CreateTime int64 // ns since 1970, as every time in core
}

// AccessKey is one key pair of a user; Secret is sealed with the master key's secrets label.
type AccessKey struct {
	ID         string
	UserID     int64
	Secret     []byte // sealed
	Disabled   bool
	CreateTime int64
}

// Access is what a grant allows.
type Access int

// The grants of spec/native.md §2; each includes the ones before it.
const (
	AccessNone Access = iota
	AccessRead
	AccessWrite
	AccessOwner
)

// Grant gives one user access to one bucket.
type Grant struct {
	BucketID, UserID int64
	Access           Access
}

// Bucket is a top-level container.
type Bucket struct {
	ID         int64
	Name       string
	Owner      int64
	CreateTime int64
	Versioning Versioning
	// EverVersioned stays true once versioning was enabled.
	EverVersioned bool
	// Deleting: gone from all doors, a sweeper is emptying it.
	Deleting bool
	Policy   BucketPolicy
}

// BucketPolicy is the part of a bucket that its owner sets; stored as JSON.
type BucketPolicy struct {
	Redundancy content.Policy    `json:"redundancy"`
	Spaces     []content.SpaceID `json:"spaces,omitempty"` // empty: all that the owner may use
	NoMD5      bool              `json:"noMD5,omitempty"`
	NoSHA256   bool              `json:"noSHA256,omitempty"`
	PublicRead bool              `json:"publicRead,omitempty"`
}

// Package is the first segment of a key as a noun: explicit ones stay when empty, implied ones go with their
// last member.
type Package struct {
	ID         int64
	BucketID   int64
	Name       string
	Explicit   bool
	CreateTime int64
	// Ending, unless 0, names a deletion of the package that is on its way, and says that no member came since it began:
	// whatever adds one takes it away.
	Ending int64
}

// ContentKind says where a version's bytes are.
type ContentKind uint8

// The places.
const (
	ContentNone   ContentKind = iota // empty content or a delete marker
	ContentInline                    // ContentRef.ID is a row of inline data, owned by this version alone
	ContentList                      // ContentRef.ID is a refcounted list of extents
)

// ContentRef points to a version's bytes.
type ContentRef struct {
	Kind ContentKind
	ID   int64
}

// Extent is a run of bytes of one blob.
type Extent struct {
	Blob           content.BlobID
	Offset, Length int64
}

// ShortList is how many extents a list has at most that is read and released as a whole, at once. A longer one is
// read piece by piece, and taken apart by upkeep when nothing refers to it any more.
const ShortList = 16

// List is refcounted content: the extents in order, none of them empty. It is immutable but for Refs. A list
// whose Refs are 0 is dead: its extents keep their references to blobs until it is taken apart.
type List struct {
	ID      int64
	Refs    int64
	Extents []Extent
	Parts   []Part // of a completed upload, in order
}

// NoTime marks an absent optional time (0 is a real one: 1970).
const NoTime int64 = -1 << 63

// Version is one state of an object, or a delete marker.
type Version struct {
	Seq        int64 // order within the object: greater is newer
	ID         int64 // max(ns since 1970, last given + 1); unique within the object
	Null       bool  // shown as versionID "null"; at most one per object
	Marker     bool  // delete marker: no content
	Size       int64
	ETag       string // without quotes: 32 hex digits of the MD5, or "...-N"
	SHA256     []byte // 32 bytes, or nil where not known
	UpdateTime int64  // server's time of the write
	MTime      int64  // client's time, or NoTime
	Expiry     int64  // 0: never
	KeepFor    bool   // keepForever of the revision API
	Revision   int64  // revisionVersion; 0 where none was given
	Content    ContentRef
	Class      string // storage class as the client named it, "" = STANDARD
	CreatedBy  int64  // user
	PartCount  int    // of a completed upload, whose Content is a list with as many Parts; 0 of any other, whatever its list has
	Attrs      Attrs
}

// placeholder tells whether v stands for no version at all: it is that of an entry which is there for the sake of its
// unfinished native upload alone. Like a delete marker it keeps the entry hidden, but nobody is ever shown it.
func (v *Version) placeholder() bool { return v.Marker && v.ID == 0 }

// FileTime is when a file was last changed, as doors that show trees tell it: the time that the client gave, but never
// after the write, since a date of the future is no validator (RFC 9110 §8.8.2.1); without one the time of the write.
func (v *Version) FileTime() int64 {
	if v.MTime == NoTime {
		return v.UpdateTime
	}
	return min(v.UpdateTime, v.MTime)
}

// VersionID is how doors show the version's identity.
func (v *Version) VersionID() string {
	if v.Null {
		return "null"
	}
	return strconv.FormatInt(v.ID, 10)
}

// Attrs is what listings do not need; stored as JSON, up to 512 bytes beside the entry, else in a side row.
type Attrs struct {
	ContentType        string            `json:"ct,omitempty"`
	CacheControl       string            `json:"cc,omitempty"`
	ContentDisposition string            `json:"cd,omitempty"`
	ContentEncoding    string            `json:"ce,omitempty"`
	ContentLanguage    string            `json:"cl,omitempty"`
	Expires            string            `json:"ex,omitempty"`
	WebsiteRedirect    string            `json:"wr,omitempty"` // S3 x-amz-website-redirect-location
	Metadata           map[string]string `json:"m,omitempty"`  // one map for all doors; keys lower-case ASCII from S3
	Tags               map[string]string `json:"t,omitempty"`
	Checksum           Checksum          `json:"cs,omitzero"`
	RetainUntil        int64             `json:"ru,omitempty"`
	RetainMode         string            `json:"rm,omitempty"`
	LegalHold          bool              `json:"lh,omitempty"`
	CreateReason       string            `json:"cr,omitempty"`
	ClientCreated      int64             `json:"cct,omitempty"`
	// PartsSHA256 is the SHA-256 of the parts' SHA-256s in order, of a completed upload whose own SHA-256 is not known.
	// It describes the content, as Checksum does.
	PartsSHA256 []byte `json:"ps,omitempty"`
}

// Checksum is an S3 additional checksum as it was stored.
type Checksum struct {
	Algorithm string `json:"a,omitempty"` // "CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"
	Composite bool   `json:"c,omitempty"`
	Value     string `json:"v,omitempty"` // base64, with "-N" when composite
}

// Part describes one part of a completed upload.
type Part struct {
	Size     int64
	Checksum string // of the upload's algorithm, as S3 writes it; "" if there was none
}

// Entry is the object at (bucket, key) with its current version. It is live, or hidden when that version is a
// delete marker.
type Entry struct {
	BucketID   int64
	Key        string
	ObjectID   int64
	CreateTime int64
	// LastVersion is the greatest version ID ever given to this object, LastRevision the greatest
	// revisionVersion.
	LastVersion, LastRevision int64
	// Older tells whether rows of versions exist beside the current one.
	Older bool
	// Unfinished is the native upload that lies over this entry, or "". Where there is nothing below it, Version is a
	// placeholder.
	Unfinished string
	// Held tells whether a version of the object may be under retention or legal hold: one is, or was.
	Held bool
	// Props tells whether dead properties hang on ObjectID.
	Props   bool
	Version Version
}

// Lock is a write lock of WebDAV (RFC 4918 §6). It hangs on a path, not on what lies there, and binds those doors
// alone that know locks.
type Lock struct {
	Token    string // a URI
	BucketID int64
	Key      string // without a trailing "/"; "" is the bucket
	Deep     bool   // everything below it is locked too
	Shared   bool
	Owner    int64  // the user who may use the token
	Expiry   int64  // ns since 1970
	Note     string // what the client says of its owner, for other clients; XML
}

// PropertyName is the expanded name of a property.
type PropertyName struct{ Space, Local string }

// Property is a dead property: a door keeps it for its clients, and nobody here reads it.
type Property struct {
	Name  PropertyName
	Value string // an XML element that stands for itself
}

// Upload is an unfinished multipart upload.
type Upload struct {
	ID         string // 32 hex digits
	BucketID   int64
	Key        string
	Owner      int64
	CreateTime int64
	ActiveTime int64
	Native     bool // begun by the native API: shown there as an object
	Ended      bool // aborted: gone for everybody, its parts are being given up
	// Checksum asked for at creation: algorithm and whether composite.
	Checksum Checksum
	Class    string
	MTime    int64
	Attrs    Attrs
}

// UploadPart is one stored part. A part that is uploaded again replaces the row.
type UploadPart struct {
	UploadID   string
	Number     int // 0..10000 (S3: from 1)
	Size       int64
	ETag       string // hex MD5
	SHA256     []byte
	Checksum   string // base64 of the upload's algorithm, or ""
	CRC64      uint64 // plain CRC64NVME, for combining
	UpdateTime int64
	Content    ContentRef
	Chain      []byte // of a native upload: the SHA-256 of the parts up to this one, as a state; nil where it is not known
}

// BlobState says where a blob's bytes are.
type BlobState uint8

// The states.
const (
	BlobStored   BlobState = iota // shards as Layout says
	BlobBuffered                  // bytes are in the metadata store, waiting to be packed
	BlobPacked                    // bytes lie in another blob at PackOffset
)

// Blob is the row of a blob.
type Blob struct {
	content.Blob
	Class      int64
	Refs       int64
	State      BlobState
	Pack       content.BlobID // the blob this one is packed in
	PackOffset int64
	PackLive   int64 // of a pack: bytes of live members
	Buffer     int64 // inline row of a buffered blob
}

// Class is the border inside which blobs may be shared (S13).
type Class struct {
	ID     int64
	Owner  int64
	Policy content.Policy
	Spaces []content.SpaceID
	KeyID  uint32 // key domain; 0: not sealed
}

// Space is the row of a configured space.
type Space struct {
	ID         content.SpaceID
	Name       string
	Owner      int64
	Kind       string
	Config     map[string]string // without secrets
	Secrets    []byte            // sealed JSON object of the secret fields
	WorkingDir string
	Domain     string
	Weight     float64
	State      string // active, readOnly, draining, down
	Sealed     bool
	NoShards   bool  // it holds no content of objects: it is for trees that are copied to and from it
	MaxSize    int64 // bytes of shards; 0: no limit
	Features   []SpaceFeature
	Revision   int64
	// Fresh: it was never claimed, so a missing marker is no sign of a disk that is not mounted.
	Fresh bool
}

// SpaceFeature is something that a space may be used for or by (native API, "Features").
type SpaceFeature struct {
	Type        string `json:"type"`
	MinPartSize int64  `json:"minPartSize,omitempty"` // bytes, of MultipartUpload; 0: the kind's own
	MaxPartSize int64  `json:"maxPartSize,omitempty"`
}

// Garbage is a row of gc_queue: shards to be deleted.
type Garbage struct {
	ID        int64
	Blob      content.BlobID
	Layout    content.Layout
	QueuedAt  int64
	NotBefore int64
	// NeverReferred: no commit ever pointed to these shards, so no wait applies.
	NeverReferred bool
}

// RepairRow asks for a shard to be rebuilt.
type RepairRow struct {
	Blob      content.BlobID
	Segment   int
	Index     int
	Reason    string
	QueuedAt  int64
	NotBefore int64
	Attempts  int
	LastError string
}

// Job is durable state of a background work or of one running step of it.
type Job struct {
	Name        string // "scrub", "repair/<blob>"...
	Incarnation uint64 // of the process that runs it; 0: nobody
	State       []byte // JSON, owned by the job
	UpdateTime  int64
}

// Lease fences the writes of one process (S16).
type Lease struct {
	Incarnation uint64
	Holder      string // host and pid, for people
	StartTime   int64
	RenewTime   int64
	Dead        bool
}

// Stamp identifies a store.
type Stamp struct {
	Format      int
	StoreID     [16]byte
	Epoch       int64 // raised by recover
	ConfigEpoch int64 // raised by every change of users, keys, grants, bucket documents, spaces
}

// Usage is what a bucket holds: current and older versions and parts.
type Usage struct {
	Objects int64 // live entries
	Bytes   int64 // of all versions and parts
}
