package v1

import (
	"encoding/json"
	"time"
)

// HiddenSecret stands for a secret that is not shown; in a change it means the one that is kept.
const HiddenSecret = "******"

// Union is an object whose other fields its field type decides.
type Union map[string]any

// Fields is a Union that came in, not decoded yet.
type Fields map[string]json.RawMessage

// UserSpace is a place where content is kept.
type UserSpace struct {
	UserSpaceID   int64       `json:"userSpaceID"`
	Name          string      `json:"name"`
	Storage       Union       `json:"storage"`
	Credential    Union       `json:"credential"`
	ShardStore    *ShardStore `json:"shardStore"` // nil: it holds no pieces of objects
	Features      []Feature   `json:"features"`
	WorkingDir    string      `json:"workingDir"`
	Revision      int64       `json:"revision"`
	FailureDomain string      `json:"failureDomain"`
	Weight        float64     `json:"weight"`
	State         string      `json:"state"` // active, readOnly, draining, down, or lost: given up
}

// ShardStore is what a space may hold of objects.
type ShardStore struct {
	MaxSize int64 `json:"maxSize"` // bytes; 0: no limit
}

// Feature is something a space may be used for or by.
type Feature struct {
	Type        string `json:"type" api:"required"`
	MinPartSize int64  `json:"minPartSize,omitempty"`
	MaxPartSize int64  `json:"maxPartSize,omitempty"`
}

// NewUserSpace is POST userSpace/create.
type NewUserSpace struct {
	Name          string      `json:"name" api:"required"`
	Storage       Fields      `json:"storage" api:"required"`
	Credential    Fields      `json:"credential,omitempty"`
	ShardStore    *ShardStore `json:"shardStore"`
	Features      []Feature   `json:"features,omitempty"`
	WorkingDir    string      `json:"workingDir,omitempty"`
	FailureDomain string      `json:"failureDomain,omitempty"`
	Weight        float64     `json:"weight,omitempty"`
	State         string      `json:"state,omitempty"`
}

// UserSpaceChange is POST userSpace/update. What is absent stays; a ShardStore that is null is taken away.
type UserSpaceChange struct {
	UserSpaceID   int64       `json:"userSpaceID" api:"required"`
	Name          *string     `json:"name,omitempty"`
	Storage       Fields      `json:"storage,omitempty"` // may be there, but not another one: only its hostKey changes
	Credential    Fields      `json:"credential,omitempty"`
	ShardStore    *ShardStore `json:"shardStore,omitempty"`
	Features      *[]Feature  `json:"features,omitempty"`
	WorkingDir    *string     `json:"workingDir,omitempty"` // may be there, but not another one
	FailureDomain *string     `json:"failureDomain,omitempty"`
	Weight        *float64    `json:"weight,omitempty"`
	State         *string     `json:"state,omitempty"`
}

// OldUserSpace is POST userSpace/delete. With Force a space that holds pieces is given up: they are rebuilt from others,
// where there are enough of them, and the space goes with the last one.
type OldUserSpace struct {
	UserSpaceID int64 `json:"userSpaceID" api:"required"`
	Force       bool  `json:"force,omitempty"`
}

// UserSpaceTest is POST userSpace/test.
type UserSpaceTest struct {
	Storage     Fields `json:"storage" api:"required"`
	Credential  Fields `json:"credential,omitempty"`
	WorkingDir  string `json:"workingDir,omitempty"`
	UserSpaceID int64  `json:"userSpaceID,omitempty"` // whose secret HiddenSecret stands for
}

// OneUserSpace is a space, the data of an answer.
type OneUserSpace struct {
	UserSpace UserSpace `json:"userSpace"`
}

// AllUserSpaces is a list of spaces.
type AllUserSpaces struct {
	UserSpaces []UserSpace `json:"userSpaces"`
}

// UserSpaceStatus is how a space is doing.
type UserSpaceStatus struct {
	UserSpaceID int64      `json:"userSpaceID"`
	State       string     `json:"state"` // ok, error or unknown
	Message     string     `json:"message"`
	UsedBytes   int64      `json:"usedBytes"`
	Pieces      int64      `json:"pieces"`
	LatencyMs   int64      `json:"latencyMs"`
	CheckTime   *time.Time `json:"checkTime"` // null: it was not tried yet
}

// OneUserSpaceStatus is the data of an answer.
type OneUserSpaceStatus struct {
	Status UserSpaceStatus `json:"status"`
}

// SpaceKinds answers GET userSpace/kinds: the types of storage that the caller may use.
type SpaceKinds struct {
	Kinds []SpaceKind `json:"kinds"`
}

// SpaceKind is a type of storage, by the field type of a space's storage and credential.
type SpaceKind struct {
	Type     string       `json:"type"`
	Fields   []SpaceField `json:"fields"`
	Features []string     `json:"features"`
}

// SpaceField is one setting of a space.
type SpaceField struct {
	Name       string `json:"name"`
	Help       string `json:"help"`
	Type       string `json:"type"`       // string, number or boolean
	Credential bool   `json:"credential"` // it belongs to the credential, not to the storage
	Secret     bool   `json:"secret"`
	Required   bool   `json:"required"`
	Default    string `json:"default"`
}
