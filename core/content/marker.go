package content

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"trivium/drivers"
)

// maxMarker is the longest marker that is read, in bytes.
const maxMarker = 4 << 10

// Marker is the file trivium.json in the working directory of a space: whose space it is (S25).
type Marker struct {
	StoreID   [16]byte
	Epoch     int64
	Writer    uint64  // incarnation of the process that claimed the space last; 0: none
	Space     SpaceID // of that store; 0: the marker is from before it was written
	CreatedAt time.Time
}

// markerJSON is the form of the file.
type markerJSON struct {
	StoreID   string    `json:"storeID"`
	Epoch     int64     `json:"epoch"`
	Writer    string    `json:"writer,omitempty"`
	Space     int64     `json:"space,omitempty"`
	CreatedAt time.Time `json:"createdAt"`
}

// Claim says who wants to use a space.
type Claim struct {
	StoreID [16]byte
	Epoch   int64
	Writer  uint64 // incarnation of this process
	// Knows tells whether the metadata store knows the process that claimed the space last. One it does not know
	// works on another copy of that store, or on a newer state of it. nil: every one is known.
	Knows func(ctx context.Context, writer uint64) (bool, error)
	// Gone tells whether a space of the store that was there is one no more, so that a new one may take its place. nil:
	// none is.
	Gone func(SpaceID) bool
}

// ClaimSpace makes sure that sp is marked as belonging to the store and in use by the process of c: it writes the
// marker if there is none, raises the epoch of an older one and puts its own name in. It returns the marker as it
// stands. A *MarkerError says that the space belongs to another store, is another one of this store, was taken over by a
// newer epoch or by another copy of the store; ErrFormat that the marker is not readable as one, which is never overwritten. The
// caller retries on drivers.ErrTransient.
func ClaimSpace(ctx context.Context, sp Space, c Claim) (Marker, error) {
	m, err := CheckMarker(ctx, sp, c)
	switch {
	case errors.Is(err, drivers.ErrNotExist):
		m = Marker{StoreID: c.StoreID, Epoch: c.Epoch, Writer: c.Writer, Space: sp.ID, CreatedAt: time.Now().UTC()}
		err = writeMarker(ctx, sp, m, true)
		if errors.Is(err, drivers.ErrExist) {
			return CheckMarker(ctx, sp, c)
		}
	case err == nil && (m.Epoch < c.Epoch || m.Writer != c.Writer || m.Space != sp.ID):
		m.Epoch, m.Writer, m.Space = max(m.Epoch, c.Epoch), c.Writer, sp.ID
		err = writeMarker(ctx, sp, m, false)
	}
	if err != nil {
		return m, err
	}
	return m, nil
}

// CheckMarker reads the marker of sp and compares it without writing: nil if it is the store's, not of a newer
// epoch and of a process that the store knows; drivers.ErrNotExist if there is none. Errors otherwise as
// ClaimSpace, and what Knows returns.
func CheckMarker(ctx context.Context, sp Space, c Claim) (Marker, error) {
	m, err := readMarker(ctx, sp)
	switch {
	case err != nil:
		return Marker{}, fmt.Errorf("marker of space %d: %w", sp.ID, err)
	case m.StoreID != c.StoreID:
		return m, &MarkerError{Space: sp.ID, Found: m, Err: ErrForeignStore}
	case m.Epoch > c.Epoch:
		return m, &MarkerError{Space: sp.ID, Found: m, Err: ErrNewerEpoch}
	}
	// An older epoch was left for this one on purpose: whoever wrote last in it does not matter.
	if m.Epoch == c.Epoch && m.Writer != 0 && m.Writer != c.Writer && c.Knows != nil {
		known, err := c.Knows(ctx, m.Writer)
		if err == nil && !known {
			err = &MarkerError{Space: sp.ID, Found: m, Err: ErrForeignWriter}
		}
		if err != nil {
			return m, err
		}
	}
	if m.Space != 0 && m.Space != sp.ID && (c.Gone == nil || !c.Gone(m.Space)) {
		return m, &MarkerError{Space: sp.ID, Found: m, Err: ErrOtherSpace}
	}
	return m, nil
}

// ErrNoShards says that the directory of a space's shards is missing or empty though content is in it: another disk is
// mounted there, or none.
var ErrNoShards = errors.New("its directory " + shardsDir + " is missing or empty, or its disk is not mounted: bring it back, " +
	"or restore it from a copy")

// Probe tries whether sp has its shards and takes more: it looks for shard, the name of one that must be there ("":
// none is known), and writes a short file where shards are and removes it. Neither is done in a space without the
// store's marker. The error is CheckMarker's, ErrNoShards or the driver's.
func Probe(ctx context.Context, sp Space, c Claim, shard string) error {
	_, err := CheckMarker(ctx, sp, c)
	if unmarked := errors.Is(err, drivers.ErrNotExist) && sp.Driver.Traits().Volatile; err != nil && !unmarked {
		return err
	}
	text := []byte("written to see whether this space takes files\n")
	name := ProbeName(sp.WorkingDir)
	err = findShards(ctx, sp, shard)
	if err == nil {
		err = sp.Driver.Put(ctx, name, bytes.NewReader(text), int64(len(text)), drivers.PutOptions{})
	}
	if err == nil {
		err = sp.Driver.Delete(ctx, name)
	}
	if err != nil {
		return fmt.Errorf("probe space %d: %w", sp.ID, err)
	}
	return nil
}

// findShards returns ErrNoShards when neither that shard nor any other is in sp. One that is missing alone is damage,
// which is for the upkeep.
func findShards(ctx context.Context, sp Space, shard string) error {
	if shard == "" {
		return nil
	}
	if _, err := sp.Driver.Stat(ctx, shard); !errors.Is(err, drivers.ErrNotExist) {
		return err
	}
	for info, err := range sp.Driver.List(ctx, ShardPrefix(sp.WorkingDir), drivers.ListOptions{}) {
		if errors.Is(err, drivers.ErrNotExist) {
			break
		}
		if err != nil || info.IsDir {
			return err
		}
	}
	return ErrNoShards
}

// readMarker reads the marker of a space.
func readMarker(ctx context.Context, sp Space) (Marker, error) {
	rc, err := sp.Driver.Open(ctx, join(sp.WorkingDir, markerName), 0, maxMarker)
	if err != nil {
		return Marker{}, err
	}
	raw, err := io.ReadAll(io.LimitReader(rc, maxMarker))
	if err := errors.Join(err, rc.Close()); err != nil {
		return Marker{}, err
	}
	var j markerJSON
	if err := json.Unmarshal(raw, &j); err != nil {
		return Marker{}, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	id, err := hex.DecodeString(j.StoreID)
	if err != nil || len(id) != 16 {
		return Marker{}, fmt.Errorf("store id %q: %w", j.StoreID, ErrFormat)
	}
	var writer uint64
	if j.Writer != "" {
		if writer, err = strconv.ParseUint(j.Writer, 16, 64); err != nil {
			return Marker{}, fmt.Errorf("writer %q: %w", j.Writer, ErrFormat)
		}
	}
	return Marker{StoreID: [16]byte(id), Epoch: j.Epoch, Writer: writer, Space: SpaceID(j.Space), CreatedAt: j.CreatedAt}, nil
}

// writeMarker writes the marker of a space.
func writeMarker(ctx context.Context, sp Space, m Marker, ifAbsent bool) error {
	j := markerJSON{StoreID: hex.EncodeToString(m.StoreID[:]), Epoch: m.Epoch, Space: int64(m.Space), CreatedAt: m.CreatedAt}
	if m.Writer != 0 {
		j.Writer = fmt.Sprintf("%016x", m.Writer)
	}
	raw, err := json.MarshalIndent(j, "", "  ")
	if err != nil {
		return fmt.Errorf("marker: %w", err)
	}
	raw = append(raw, '\n')
	name := join(sp.WorkingDir, markerName)
	opts := drivers.PutOptions{IfAbsent: ifAbsent}
	if err := sp.Driver.Put(ctx, name, bytes.NewReader(raw), int64(len(raw)), opts); err != nil {
		return fmt.Errorf("mark space %d: %w", sp.ID, err)
	}
	return nil
}
