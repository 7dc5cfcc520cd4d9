package v1

import "time"

// MaxBody is the longest JSON body in bytes, MaxItems how many items a batch has at most, MaxPage how many a page.
const (
	MaxBody  = 5 << 20
	MaxItems = 10_000
	MaxPage  = 1000
)

// A field with the tag api:"required" must be there.

// Login is POST user/login.
type Login struct {
	Value    string `json:"value" api:"required"` // name of the user
	Password string `json:"password" api:"required"`
}

// LoggedIn is the data of its answer.
type LoggedIn struct {
	Token      string    `json:"token"`
	ExpireTime time.Time `json:"expireTime"`
	UserID     int64     `json:"userID"`
}

// LoginAnswer is the answer, which also has the envelope of the files API.
type LoginAnswer struct {
	Answer[LoggedIn]
	Status  int      `json:"status"`
	Success bool     `json:"success"`
	Result  LoggedIn `json:"result"`
	Token   string   `json:"token"`
}

// Health answers GET system/health.
type Health struct {
	Status  string    `json:"status"`
	Version string    `json:"version"`
	Time    time.Time `json:"time"`
}

// NewBucket is POST bucket/create. With a userID an administrator makes it that user's.
type NewBucket struct {
	Name string `json:"name" api:"required"`
}

// BucketRef names a bucket.
type BucketRef struct {
	BucketID int64 `json:"bucketID" api:"required"`
}

// OneBucket is a bucket, the data of an answer.
type OneBucket struct {
	Bucket Bucket `json:"bucket"`
}

// AllBuckets is a list of buckets.
type AllBuckets struct {
	Buckets []Bucket `json:"buckets"`
}

// NewPolicy is POST bucket/setPolicy; what is absent stays.
type NewPolicy struct {
	BucketID int64        `json:"bucketID" api:"required"`
	Policy   PolicyChange `json:"policy" api:"required"`
}

// PolicyChange is what changes of a Policy.
type PolicyChange struct {
	Redundancy *Redundancy `json:"redundancy,omitempty"`
	Spaces     *[]int64    `json:"spaces,omitempty"`
	Versioning *string     `json:"versioning,omitempty"`
	PublicRead *bool       `json:"publicRead,omitempty"`
	Grants     *[]Grant    `json:"grants,omitempty"`
}

// OnePolicy is a bucket's policy.
type OnePolicy struct {
	Policy Policy `json:"policy"`
}

// NewPackage is POST package/create.
type NewPackage struct {
	BucketID int64  `json:"bucketID" api:"required"`
	Name     string `json:"name" api:"required"`
}

// PackageRef names a package.
type PackageRef struct {
	PackageID int64 `json:"packageID" api:"required"`
}

// OnePackage is a package.
type OnePackage struct {
	Package Package `json:"package"`
}

// AllPackages is a list of packages.
type AllPackages struct {
	Packages []Package `json:"packages"`
}

// UploadInfo is the part info of POST object/upload.
type UploadInfo struct {
	PackageID int64 `json:"packageID" api:"required"`
	Affinity  int64 `json:"affinity,omitempty"` // a preferred space; 0: none
}

// Uploaded answers it.
type Uploaded struct {
	Uploadeds []Object `json:"uploadeds"`
}

// OneObject is an object.
type OneObject struct {
	Object Object `json:"object"`
}

// ObjectRef names an object.
type ObjectRef struct {
	ObjectID int64 `json:"objectID" api:"required"`
}

// AllObjects is a list of objects.
type AllObjects struct {
	Objects []Object `json:"objects"`
}

// ObjectPage answers GET object/listByPath.
type ObjectPage struct {
	NextContinuationToken string   `json:"nextContinuationToken"` // "" on the last page
	IsTruncated           bool     `json:"isTruncated"`
	CommonPrefixes        []string `json:"commonPrefixes"`
	Objects               []Object `json:"objects"`
}

// Move is POST object/move.
type Move struct {
	Movings []Moving `json:"movings" api:"required"`
}

// Moving moves one object.
type Moving struct {
	ObjectID  int64  `json:"objectID" api:"required"`
	PackageID int64  `json:"packageID" api:"required"`
	Path      string `json:"path" api:"required"`
}

// Moved names the objects that were moved.
type Moved struct {
	Successes []int64 `json:"successes"`
}

// Delete is POST object/delete.
type Delete struct {
	ObjectIDs []int64 `json:"objectIDs" api:"required"`
}

// Clone is POST object/clone.
type Clone struct {
	Clonings []Cloning `json:"clonings" api:"required"`
}

// Cloning copies one object.
type Cloning struct {
	ObjectID     int64  `json:"objectID" api:"required"`
	NewPath      string `json:"newPath" api:"required"`
	NewPackageID int64  `json:"newPackageID" api:"required"`
}

// Cloned has the copies in the order of Clone; null where none was made.
type Cloned struct {
	Objects []*Object `json:"objects"`
}

// NewUpload is POST object/newMultipartUpload.
type NewUpload struct {
	PackageID int64  `json:"packageID" api:"required"`
	Path      string `json:"path" api:"required"`
}

// PartInfo is the part info of POST object/uploadPart.
type PartInfo struct {
	ObjectID int64 `json:"objectID" api:"required"`
	Index    int   `json:"index" api:"required"`
}

// Complete is POST object/completeMultipartUpload: the parts in the order in which they are joined.
type Complete struct {
	ObjectID int64 `json:"objectID" api:"required"`
	Indexes  []int `json:"indexes" api:"required"`
}

// AllParts answers GET object/listParts.
type AllParts struct {
	Parts []Part `json:"parts"`
}

// Presign is POST object/presign: an object for download, or a package and a path.
type Presign struct {
	Operation string `json:"operation" api:"required"` // download or upload
	ObjectID  int64  `json:"objectID,omitempty"`
	PackageID int64  `json:"packageID,omitempty"`
	Path      string `json:"path,omitempty"`
	Expires   *int64 `json:"expires,omitempty"` // seconds, 1 to 604,800; nil: 3600
}

// Presigned answers it.
type Presigned struct {
	URL        string    `json:"url"`
	Method     string    `json:"method"`
	ExpireTime time.Time `json:"expireTime"`
}

// ObjectInfo answers GET object/info.
type ObjectInfo struct {
	Object Object `json:"object"`
	Info   Info   `json:"info"`
}

// UpdateMetadata is POST object/updateMetadata; what is absent stays. Metadata replaces all that the object has or, with
// Merge, changes it: null removes a name.
type UpdateMetadata struct {
	ObjectID    int64               `json:"objectID" api:"required"`
	Metadata    *map[string]*string `json:"metadata,omitempty"`
	ContentType *string             `json:"contentType,omitempty"`
	Merge       bool                `json:"merge,omitempty"`
}

// VersionPage answers GET object/listVersions.
type VersionPage struct {
	Versions              []Version `json:"versions"`
	IsTruncated           bool      `json:"isTruncated"`
	NextContinuationToken string    `json:"nextContinuationToken"`
}

// Restore is POST object/restoreVersion.
type Restore struct {
	ObjectID  int64  `json:"objectID" api:"required"`
	VersionID string `json:"versionID" api:"required"`
}
