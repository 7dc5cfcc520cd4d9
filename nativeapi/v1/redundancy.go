package v1

import "time"

// RedundancyStatus answers GET redundancy/status.
type RedundancyStatus struct {
	Redundancy Redundancy `json:"redundancy"` // that the content has
	Policy     Redundancy `json:"policy"`     // that the bucket wants
	State      string     `json:"state"`
	Blocks     []Block    `json:"blocks"` // by index and space; none of content that lies in the metadata
}

// The states of a RedundancyStatus.
const (
	RedundancyHealthy  = "healthy"
	RedundancyPending  = "pending"  // it waits to be kept as the policy says
	RedundancyDegraded = "degraded" // pieces are missing or damaged, or their space does not answer
	RedundancyLost     = "lost"     // so many that the content cannot be read
)

// Block is all that an object has of one index in one space: of long content a piece of each segment that lies there.
type Block struct {
	Index       int        `json:"index"`
	UserSpaceID int64      `json:"userSpaceID"` // 0: nowhere, it has yet to be rebuilt
	FileHash    string     `json:"fileHash"`    // "": pieces have checksums in their blocks, and no digest
	Size        Size       `json:"size"`
	State       string     `json:"state"`
	CheckTime   *time.Time `json:"checkTime"` // when the space said that they are there; null: it did not answer, or was not asked
}

// The states of a Block.
const (
	BlockOK      = "ok"
	BlockMissing = "missing"
	BlockCorrupt = "corrupt"
)
