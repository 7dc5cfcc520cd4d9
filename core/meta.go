package core

import (
	"context"

	"trivium/core/content"
)

// MetaStore keeps every row that is not content. Transactions are serializable. The logic stays in core; a
// store does small row operations. The suite for it is core/meta/metatest.
type MetaStore interface {
	// View runs fn on one snapshot. fn may run more than once, and only its last run counts: it does no I/O besides
	// tx, changes nothing outside but its outputs, and sets those anew in each run. It may read the clock, caches
	// that are valid for tx's snapshot, and ids reserved before, or reserve some of tx; so two runs may differ in
	// times and ids, but each must be right by itself. tx must not be used after fn returned, and its writing
	// methods fail.
	View(ctx context.Context, fn func(ctx context.Context, tx MetaTx) error) error

	// Update runs fn in a transaction that shares its commit with others (group commit). fn may run more than
	// once, as in View. Update returns after the commit is durable, or with the error of fn (nothing of it
	// stays) or of the commit (nothing of it stays either). Once queued it waits for the outcome whatever
	// happens to ctx. A panic of fn is re-raised in the caller alone. A View or Update inside fn (with the ctx
	// that fn got) is an error. A full disk is an error of Code NoSpace; the room that a store keeps back is for
	// those whose ctx is from MakingRoom.
	Update(ctx context.Context, fn func(ctx context.Context, tx MetaTx) error) error

	// Lookup reads one live or hidden entry in a single statement: the hot path of GET and HEAD (S32). With
	// content it also reads the inline data or the extents of a short list and, when there is exactly one, its
	// blob's row.
	Lookup(ctx context.Context, bucketID int64, key string, withContent bool) (Found, error)

	// LookupID is Lookup of the entry that has the object ID, wherever it lies.
	LookupID(ctx context.Context, objectID int64, withContent bool) (Found, error)

	// Close waits for running transactions and closes the store.
	Close() error
}

// Found is the answer of Lookup and LookupID. Exists is false when there is no entry, live or hidden.
type Found struct {
	Exists      bool
	Entry       Entry
	Inline      []byte   // the whole content when it is inline and was asked for
	InlineSum   uint64   // as stored by PutInline
	Extents     []Extent // of a short list; those of a longer one are read with ListByID
	Blob        *Blob    // of Extents[0] when there is exactly one
	ConfigEpoch int64
}

// MetaTx is one transaction. Lookups answer (row, false, nil) when there is no such row. Put inserts or
// replaces the whole row; Delete of a missing row is no error. A name or ID that must be unique and is taken is
// an error of Code Exists. A limit <= 0 answers nothing.
type MetaTx interface {
	AccountTx
	BucketTx
	ObjectTx
	ContentTx
	BlobTx
	UploadTx
	UpkeepTx
	SpaceTx
	SystemTx
	TreeTx
}

// ObjectTx keeps entries with all their versions.
type ObjectTx interface {
	EntryTx
	VersionTx
}

// TreeTx keeps what only doors that show trees know of.
type TreeTx interface {
	LockTx
	PropertyTx
}

// AccountTx keeps users and access keys. User names are unique (bytewise).
type AccountTx interface {
	PutUser(ctx context.Context, u User) error
	User(ctx context.Context, id int64) (User, bool, error)
	UserByName(ctx context.Context, name string) (User, bool, error)
	Users(ctx context.Context, afterID int64, limit int) ([]User, error) // by ID
	DeleteUser(ctx context.Context, id int64) error                      // the row alone; his keys must be gone
	PutKey(ctx context.Context, k AccessKey) error
	Key(ctx context.Context, id string) (AccessKey, bool, error)
	Keys(ctx context.Context, userID int64) ([]AccessKey, error) // by ID; userID 0: all
	DeleteKey(ctx context.Context, id string) error
}

// BucketTx keeps buckets, packages and grants. Names of buckets that are not Deleting are unique; so are the names of
// a bucket's packages.
type BucketTx interface {
	PutBucket(ctx context.Context, b Bucket) error
	Bucket(ctx context.Context, id int64) (Bucket, bool, error)
	BucketByName(ctx context.Context, name string) (Bucket, bool, error) // never a Deleting one
	// Buckets lists by name, after the given one; Deleting ones are left out unless deleting is true, which
	// lists only those (several may have one name: such a page is not continued but worked off).
	Buckets(ctx context.Context, after string, limit int, deleting bool) ([]Bucket, error)
	// BucketsByID lists by ID, after the given one, without Deleting ones.
	BucketsByID(ctx context.Context, afterID int64, limit int) ([]Bucket, error)
	// DeleteBucket deletes the row alone, with grants, documents, usage, locks and the bucket's own dead properties.
	DeleteBucket(ctx context.Context, id int64) error
	SetGrants(ctx context.Context, bucketID int64, grants []Grant) error // replaces all of the bucket's
	Grants(ctx context.Context, bucketID int64) ([]Grant, error)         // by user
	PackageTx
}

// PackageTx keeps packages.
type PackageTx interface {
	PutPackage(ctx context.Context, p Package) error
	Package(ctx context.Context, id int64) (Package, bool, error)
	PackageByName(ctx context.Context, bucketID int64, name string) (Package, bool, error)
	Packages(ctx context.Context, bucketID, afterID int64, limit int) ([]Package, error)         // by ID
	PackagesFrom(ctx context.Context, bucketID int64, name string, limit int) ([]Package, error) // by name, that one included
	DeletePackage(ctx context.Context, id int64) error
}

// ListQuery selects entries of one bucket in bytewise key order.
type ListQuery struct {
	BucketID int64
	Prefix   string
	// Delimiter, when not empty, folds keys that contain it behind Prefix into common prefixes, each found by
	// a seek past it, so that cost follows the answer.
	Delimiter string
	From      string // only keys >= From
	Before    string // only keys < Before; "" is no bound
	// SkipPrefix, when not empty: keys that begin with it are left out (the common prefix a page ended with).
	SkipPrefix string
	Limit      int
	Which      Which
	// Brief leaves Entry.Version.Attrs empty but for Algorithm and Composite of its Checksum.
	Brief bool
}

// Which selects live entries, hidden ones (the current version is a delete marker), or both merged; or the live ones
// with those hidden ones over which an unfinished native upload lies.
type Which int

// The selections.
const (
	Live Which = iota
	Hidden
	LiveAndHidden
	LiveAndUnfinished
)

// ListItem is a common prefix (CommonPrefix not empty) or an entry.
type ListItem struct {
	CommonPrefix string
	Entry        Entry
}

// Summary is a common prefix (CommonPrefix not empty) or what a listing shows of an entry: fields of Entry and Version
// under their names, in a quarter of the memory of a ListItem.
type Summary struct {
	CommonPrefix      string
	Key, ETag, Class  string
	Size, UpdateTime  int64
	Expiry            int64
	ChecksumAlgorithm string // "": there is none
	ChecksumComposite bool
}

// EntryTx keeps the entries: (bucket, key) with the whole current version. An entry is live or hidden by its
// Version.Marker; PutEntry moves it between the two. ObjectIDs are unique.
type EntryTx interface {
	Entry(ctx context.Context, bucketID int64, key string) (Entry, bool, error)
	EntryByID(ctx context.Context, objectID int64) (Entry, bool, error)
	PutEntry(ctx context.Context, e Entry) error // replaces the entry at (BucketID, Key), whatever its ObjectID
	DeleteEntry(ctx context.Context, bucketID int64, key string) error
	List(ctx context.Context, q ListQuery) ([]ListItem, error)
	// Summaries is List of Live entries, whatever q.Which and q.Brief say.
	Summaries(ctx context.Context, q ListQuery) ([]Summary, error)
	// MoveEntries renames every entry, live and hidden, whose key begins with from to begin with to in bucket
	// toBucket; ObjectIDs stay. The target range must be free of those keys. It returns how many moved.
	MoveEntries(ctx context.Context, bucketID int64, from string, toBucket int64, to string) (int64, error)
	// CountEntries counts live and hidden entries with the prefix, up to limit.
	CountEntries(ctx context.Context, bucketID int64, prefix string, limit int) (int, error)
	// Held lists live and hidden entries with Held whose key is greater, by key, those of a bucket at a seek each.
	Held(ctx context.Context, bucketID int64, afterKey string, limit int) ([]Entry, error)
	// Expired lists live entries whose current version's Expiry is in (0, now], by expiry.
	Expired(ctx context.Context, now int64, limit int) ([]Entry, error)
}

// VersionTx keeps the older versions of objects: every one but the entry's current.
type VersionTx interface {
	PutVersion(ctx context.Context, objectID int64, v Version) error               // by Seq
	Version(ctx context.Context, objectID, versionID int64) (Version, bool, error) // by ID
	NullVersion(ctx context.Context, objectID int64) (Version, bool, error)
	Versions(ctx context.Context, objectID, beforeSeq int64, limit int) ([]Version, error) // Seq < beforeSeq, newest first
	DeleteVersion(ctx context.Context, objectID, seq int64) error
	MoveVersions(ctx context.Context, fromObject, toObject, addSeq int64) error                // Seq += addSeq
	VersionsOf(ctx context.Context, objectIDs []int64, limit int) (map[int64][]Version, error) // newest first, limit each
}

// ListRead says what ListByID reads beside ID and Refs: the extents that hold Length bytes (< 0: all) of the
// content from Offset, the first and the last clipped to those bytes, and the parts.
type ListRead struct {
	Offset, Length int64
	Parts          bool
}

// ContentTx keeps inline data and lists of extents.
type ContentTx interface {
	// PutInline stores data; sum is a checksum over it and what it belongs to, which core makes and checks.
	PutInline(ctx context.Context, id int64, sum uint64, data []byte) error
	Inline(ctx context.Context, id int64) (data []byte, sum uint64, found bool, err error)
	DeleteInline(ctx context.Context, id int64) error
	Inlines(ctx context.Context, afterID int64, limit int) ([]int64, error) // IDs, ascending
	PutList(ctx context.Context, l List) error
	ListByID(ctx context.Context, id int64, r ListRead) (List, bool, error)
	// AddListRefs returns the count after it and whether the list is long: has more than ShortList extents. It
	// writes neither extents nor parts, however many there are.
	AddListRefs(ctx context.Context, id, delta int64) (refs int64, long bool, err error)
	DeleteList(ctx context.Context, id int64) error
	Lists(ctx context.Context, afterID int64, limit int) ([]List, error) // whole, ascending
	DeadLists(ctx context.Context, limit int) ([]List, error)            // those with Refs = 0, with Extents, ascending
}

// BlobTx keeps blobs and the index by digest.
type BlobTx interface {
	PutBlob(ctx context.Context, b Blob) error // with its row in the digest index when it has a SHA-256
	Blob(ctx context.Context, id content.BlobID) (Blob, bool, error)
	AddBlobRefs(ctx context.Context, id content.BlobID, delta int64) (refs int64, err error)
	// FindBlob finds a blob of the class with this size and SHA-256 that may be referenced again: state not
	// in collection, no repair row.
	FindBlob(ctx context.Context, class, size int64, sha256 [32]byte) (Blob, bool, error)
	DeleteBlob(ctx context.Context, id content.BlobID) error // with its row in the digest index
	Blobs(ctx context.Context, after content.BlobID, limit int) ([]Blob, error)
	// Unreferenced lists blobs with Refs = 0.
	Unreferenced(ctx context.Context, limit int) ([]Blob, error)
	BlobsIn(ctx context.Context, state BlobState, class int64, limit int) ([]Blob, error) // class 0: any
	PutClass(ctx context.Context, c Class) (Class, error)                                 // finds an equal one, or makes it with ID c.ID
	Class(ctx context.Context, id int64) (Class, bool, error)
}

// UploadTx keeps multipart uploads and their parts.
type UploadTx interface {
	PutUpload(ctx context.Context, u Upload) error
	Upload(ctx context.Context, id string) (Upload, bool, error)
	DeleteUpload(ctx context.Context, id string) error // the row alone; its parts must be gone
	// Uploads lists by (key, id), after that pair, keys with prefix.
	Uploads(ctx context.Context, bucketID int64, prefix, afterKey, afterID string, limit int) ([]Upload, error)
	IdleUploads(ctx context.Context, before int64, limit int) ([]Upload, error) // ActiveTime < before
	PutPart(ctx context.Context, p UploadPart) error
	Part(ctx context.Context, uploadID string, number int) (UploadPart, bool, error)
	Parts(ctx context.Context, uploadID string, after, limit int) ([]UploadPart, error) // by number, all after -1
	DeletePart(ctx context.Context, uploadID string, number int) error
}

// GarbageQuery selects rows of gc_queue with NotBefore <= Due and ID > AfterID, at most Limit of them.
type GarbageQuery struct {
	Due, AfterID int64
	Blob         content.BlobID // zero: of any blob
	Limit        int
}

// RepairQuery selects rows of repair_queue with NotBefore <= Due, at most Limit of them.
type RepairQuery struct {
	Due   int64
	Blob  content.BlobID // zero: of any blob
	Limit int
}

// UpkeepTx keeps the queues of the background and its jobs.
type UpkeepTx interface {
	QueueGarbage(ctx context.Context, g Garbage) error
	Garbage(ctx context.Context, q GarbageQuery) ([]Garbage, error) // by ID
	DeleteGarbage(ctx context.Context, id int64) error
	PutRepair(ctx context.Context, r RepairRow) error                // keyed by (blob, segment, index)
	Repairs(ctx context.Context, q RepairQuery) ([]RepairRow, error) // by NotBefore; those of one blob by (segment, index)
	DeleteRepair(ctx context.Context, blob content.BlobID, segment, index int) error
	PutJob(ctx context.Context, j Job) error
	Job(ctx context.Context, name string) (Job, bool, error)
	Jobs(ctx context.Context, prefix string, limit int) ([]Job, error)
	DeleteJob(ctx context.Context, name string) error
}

// SpaceTx keeps spaces and the leases of writers.
type SpaceTx interface {
	PutSpace(ctx context.Context, s Space) error
	Spaces(ctx context.Context) ([]Space, error) // by ID
	DeleteSpace(ctx context.Context, id content.SpaceID) error
	PutLease(ctx context.Context, l Lease) error
	Lease(ctx context.Context, incarnation uint64) (Lease, bool, error)
	Leases(ctx context.Context) ([]Lease, error)
	DeleteLease(ctx context.Context, incarnation uint64) error
}

// SystemTx keeps the stamp, id sequences, usage and bucket documents.
type SystemTx interface {
	Stamp(ctx context.Context) (Stamp, error)
	SetStamp(ctx context.Context, s Stamp) error
	BumpConfig(ctx context.Context) error // ConfigEpoch + 1
	// ReserveIDs takes n numbers of the named sequence and returns the first; sequences start at 1.
	ReserveIDs(ctx context.Context, sequence string, n int64) (int64, error)
	AddUsage(ctx context.Context, bucketID int64, delta Usage) error
	Usage(ctx context.Context, bucketID int64) (Usage, error)
	PutDoc(ctx context.Context, bucketID int64, kind string, body []byte) error // nil deletes
	Doc(ctx context.Context, bucketID int64, kind string) ([]byte, bool, error)
	// PutSetting keeps a small named value of the installation (nil deletes); Setting reads it.
	PutSetting(ctx context.Context, name string, value []byte) error
	Setting(ctx context.Context, name string) ([]byte, bool, error)
}

// LockTx keeps the locks of WebDAV. An expired one is a row like any other.
type LockTx interface {
	PutLock(ctx context.Context, l Lock) error // by Token
	Lock(ctx context.Context, token string) (Lock, bool, error)
	LocksAt(ctx context.Context, bucketID int64, key string) ([]Lock, error) // by Token
	// LocksIn lists locks at the key and at keys below it (that begin with it and a "/"), by (key, token); of the key ""
	// those of the whole bucket.
	LocksIn(ctx context.Context, bucketID int64, key string, limit int) ([]Lock, error)
	// CountLocks counts a bucket's locks and those of an owner, up to limit each.
	CountLocks(ctx context.Context, bucketID, owner int64, limit int) (inBucket, ofOwner int, err error)
	ExpiredLocks(ctx context.Context, now int64, limit int) ([]Lock, error) // Expiry <= now, by expiry
	DeleteLock(ctx context.Context, token string) error
	DeleteLocks(ctx context.Context, bucketID int64, key string) error // those of LocksIn
}

// PropertyTx keeps dead properties by what they hang on: an object's ID, or the negative of a bucket's.
type PropertyTx interface {
	PutProperty(ctx context.Context, owner int64, p Property) error
	Properties(ctx context.Context, owner int64) ([]Property, error) // by (space, local)
	DeleteProperty(ctx context.Context, owner int64, name PropertyName) error
	DeleteProperties(ctx context.Context, owner int64) error
	CopyProperties(ctx context.Context, from, to int64) error // onto an owner that has none
}
