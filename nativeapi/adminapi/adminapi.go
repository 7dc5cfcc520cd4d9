// Package adminapi holds the documents of /v1/admin/: what its server and its clients say to each other. It is pure.
package adminapi

import "time"

// Prefix is what the paths of all calls begin with.
const Prefix = "/v1/admin/"

// The calls, below Prefix. Those that read are GET with a query, the others POST with one JSON object, in which a field
// that is not known is refused.
const (
	PingCall         = "ping" // GET; tells that there is somebody, and looks at nothing
	StatusCall       = "status"
	UserListCall     = "user/list"
	UserCreateCall   = "user/create"
	UserDisableCall  = "user/setDisabled"
	UserPasswordCall = "user/setPassword"
	UserDeleteCall   = "user/delete"
	UserTokenCall    = "user/token"
	KeyListCall      = "key/list"
	KeyCreateCall    = "key/create"
	KeyRevokeCall    = "key/revoke"
	BucketListCall   = "bucket/list"
	BucketCreateCall = "bucket/create"
	BucketDeleteCall = "bucket/delete"
	CollectCall      = "gc"
	DoctorCall       = "doctor"
	ScrubCall        = "scrub"
	RepairCall       = "repair"
	ProgressCall     = "progress" // GET; how far a scrub or a repair is
)

// MaxPage is how many items a page of a list has at most, and without a limit.
const MaxPage = 1000

// OK is the code of an answer without an error.
const OK = "OK"

// Answer is the envelope of every answer (native API, "Envelope").
type Answer[T any] struct {
	Code    string `json:"code"`    // OK, or what went wrong: "DataNotFound"
	Message string `json:"message"` // "", or the value, the reason and the next step
	Data    T      `json:"data"`    // null on an error
	// RequestID is what the log calls the request; only with an error.
	RequestID string `json:"requestId,omitempty"`
}

// Nothing is the data of calls that have none to answer.
type Nothing struct{}

// Status answers GET status.
type Status struct {
	Version   string    `json:"version"`
	Go        string    `json:"go"`
	OS        string    `json:"os"`
	Arch      string    `json:"arch"`
	StoreID   string    `json:"storeId"`   // 32 hex digits
	Address   string    `json:"address"`   // host:port of the doors; "" when no server runs
	StartTime time.Time `json:"startTime"` // of the process
	Ready     bool      `json:"ready"`
	Reason    string    `json:"reason"` // why it is not ready
}

// User is an account.
type User struct {
	ID         int64     `json:"userId"`
	Name       string    `json:"name"`
	Admin      bool      `json:"admin"`
	Disabled   bool      `json:"disabled"`
	CreateTime time.Time `json:"createTime"`
}

// UserPage answers GET user/list?after=ID&limit=N: users with greater ids, by id.
type UserPage struct {
	Users       []User `json:"users"`
	IsTruncated bool   `json:"isTruncated"` // there are more after the last one
}

// NewUser is POST user/create; the data of its answer is a User. Without a password the user has only keys.
type NewUser struct {
	Name     string `json:"name"`
	Password string `json:"password,omitempty"`
	Admin    bool   `json:"admin,omitempty"`
}

// UserState is POST user/setDisabled. A disabled user gets in through no door, with no key.
type UserState struct {
	Name     string `json:"name"`
	Disabled bool   `json:"disabled"`
}

// UserPassword is POST user/setPassword.
type UserPassword struct {
	Name     string `json:"name"`
	Password string `json:"password"`
}

// UserName is POST user/delete, whose user must own no bucket, and whose access keys go with him; and POST user/token.
type UserName struct {
	Name string `json:"name"`
}

// UserToken answers POST user/token: a bearer token as user/login gives one. Who has it is that user until it ends: at
// that time, or when the user is disabled or his password changes.
type UserToken struct {
	Token      string    `json:"token"`
	User       string    `json:"user"`
	ExpireTime time.Time `json:"expireTime"`
}

// Key is an access key without its secret.
type Key struct {
	AccessKey  string    `json:"accessKey"`
	User       string    `json:"user"`
	Disabled   bool      `json:"disabled"`
	CreateTime time.Time `json:"createTime"`
}

// KeyList answers GET key/list?user=NAME, without a user with the keys of all, by access key.
type KeyList struct {
	Keys []Key `json:"keys"`
}

// NewKey is POST key/create. What is empty of the pair is drawn.
type NewKey struct {
	User      string `json:"user"`
	AccessKey string `json:"accessKey,omitempty"`
	SecretKey string `json:"secretKey,omitempty"`
}

// KeyPair answers POST key/create. The secret is never shown again.
type KeyPair struct {
	AccessKey string `json:"accessKey"`
	SecretKey string `json:"secretKey"`
	User      string `json:"user"`
}

// KeyName is POST key/revoke: the key is gone, and lets nobody in any more.
type KeyName struct {
	AccessKey string `json:"accessKey"`
}

// Bucket is a bucket.
type Bucket struct {
	ID         int64     `json:"bucketId"`
	Name       string    `json:"name"`
	Owner      string    `json:"owner"`
	Versioning string    `json:"versioning"` // "off", "enabled" or "suspended"
	Objects    int64     `json:"objects"`    // live ones
	Bytes      int64     `json:"bytes"`      // of all versions and of parts of unfinished uploads
	CreateTime time.Time `json:"createTime"`
}

// BucketPage answers GET bucket/list?after=NAME&limit=N: buckets with greater names, by name.
type BucketPage struct {
	Buckets     []Bucket `json:"buckets"`
	IsTruncated bool     `json:"isTruncated"`
}

// NewBucket is POST bucket/create; the data of its answer is a Bucket. The rules of names are those of S3.
type NewBucket struct {
	Name  string `json:"name"`
	Owner string `json:"owner"` // name of a user
}

// OldBucket is POST bucket/delete. Force deletes what the bucket holds, too.
type OldBucket struct {
	Name  string `json:"name"`
	Force bool   `json:"force,omitempty"`
}

// Collect is POST gc: one round of the collector, which answers when it has ended.
type Collect struct {
	Now bool `json:"now,omitempty"` // delete at once what otherwise stays for an hour or a day
}

// Collected answers POST gc.
type Collected struct {
	Blobs   int `json:"blobs"`   // deleted
	Orphans int `json:"orphans"` // orphaned shards deleted
	Files   int `json:"files"`   // shards deleted, orphans included
	Waiting int `json:"waiting"` // blobs that stay for their hour, or while they are read
	Sighted int `json:"sighted"` // orphaned shards found for the first time
	Failed  int `json:"failed"`  // steps that the next round tries again
}

// Scrub is POST scrub: one pass over all shards, which answers when it is through. Conflict: another one, or a repair,
// that somebody asked for is under way.
type Scrub struct {
	Deep bool `json:"deep,omitempty"` // read and verify every block, too
}

// Scrubbed answers POST scrub.
type Scrubbed struct {
	Blobs   int64    `json:"blobs"`
	Shards  int64    `json:"shards"`  // that were looked at
	Bytes   int64    `json:"bytes"`   // of these shards
	Missing int64    `json:"missing"` // shards
	Corrupt int64    `json:"corrupt"` // shards that are damaged
	Queued  int64    `json:"queued"`  // of the missing and corrupt, those that were not queued for repair before
	Unsure  int64    `json:"unsure"`  // shards whose space did not answer
	Lost    int64    `json:"lost"`    // blobs that cannot be read any more
	Found   []string `json:"found"`   // blobs with missing or corrupt shards; at most 100 of them
}

// Repair is POST repair: it works off all that is queued for repair, what failed before and waits for its turn as well,
// and answers when it has ended. Conflict: as with Scrub.
type Repair struct{}

// Repaired answers POST repair.
type Repaired struct {
	Shards int `json:"shards"` // rebuilt
	Failed int `json:"failed"` // blobs that cannot be repaired now; the log says why
	Queued int `json:"queued"` // shards that are still queued; 1000 stands for 1000 and more
}

// Progress answers GET progress. The units are those of the work: shards.
type Progress struct {
	Work  string `json:"work"` // ScrubCall or RepairCall; "": none is under way
	Done  int64  `json:"done"`
	Total int64  `json:"total"` // as it was counted at the start
}

// Examine is POST doctor, which answers when all is examined.
type Examine struct {
	Deep bool `json:"deep,omitempty"` // read all content, too
}

// Examined answers POST doctor.
type Examined struct {
	Checks []Check `json:"checks"`
}

// Check is what the doctor found out about one thing.
type Check struct {
	Name    string   `json:"name"`    // "metadata pages"
	State   string   `json:"state"`   // CheckGood, CheckBad or CheckSkipped
	Message string   `json:"message"` // what was seen
	Found   []string `json:"found"`   // what is wrong, one by one; at most 100 of them
	Advice  string   `json:"advice"`  // what to do; "" when it is good
}

// The states of a Check.
const (
	CheckGood    = "good"
	CheckBad     = "bad"
	CheckSkipped = "skipped"
)
