package content

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"trivium/drivers"
)

// maxMarker is the longest marker that is read, in bytes.
const maxMarker = 4 << 10

// Marker is the file trivium.json in the working directory of a space: whose space it is (S25).
type Marker struct {
	StoreID   [16]byte
	Epoch     int64
	CreatedAt time.Time
}

// markerJSON is the form of the file.
type markerJSON struct {
	StoreID   string    `json:"storeID"`
	Epoch     int64     `json:"epoch"`
	CreatedAt time.Time `json:"createdAt"`
}

// ClaimSpace makes sure that sp is marked as belonging to storeID: it writes the marker if there is none and
// raises the epoch of an older one. It returns the marker as it stands. A *MarkerError says that the space
// belongs to another store or was taken over by a newer epoch; ErrFormat that the marker is not readable as
// one, which is never overwritten. The caller retries on drivers.ErrTransient.
func ClaimSpace(ctx context.Context, sp Space, storeID [16]byte, epoch int64) (Marker, error) {
	m, err := CheckMarker(ctx, sp, storeID, epoch)
	switch {
	case errors.Is(err, drivers.ErrNotExist):
		m = Marker{StoreID: storeID, Epoch: epoch, CreatedAt: time.Now().UTC()}
		err = writeMarker(ctx, sp, m, true)
		if errors.Is(err, drivers.ErrExist) {
			return CheckMarker(ctx, sp, storeID, epoch)
		}
	case err == nil && m.Epoch < epoch:
		m.Epoch = epoch
		err = writeMarker(ctx, sp, m, false)
	}
	if err != nil {
		return m, err
	}
	return m, nil
}

// CheckMarker reads the marker of sp and compares it without writing: nil if it is storeID's and not of a
// newer epoch; drivers.ErrNotExist if there is none. Errors otherwise as ClaimSpace.
func CheckMarker(ctx context.Context, sp Space, storeID [16]byte, epoch int64) (Marker, error) {
	m, err := readMarker(ctx, sp)
	switch {
	case err != nil:
		return Marker{}, fmt.Errorf("marker of space %d: %w", sp.ID, err)
	case m.StoreID != storeID:
		return m, &MarkerError{Space: sp.ID, Found: m, Err: ErrForeignStore}
	case m.Epoch > epoch:
		return m, &MarkerError{Space: sp.ID, Found: m, Err: ErrNewerEpoch}
	}
	return m, nil
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
	return Marker{StoreID: [16]byte(id), Epoch: j.Epoch, CreatedAt: j.CreatedAt}, nil
}

// writeMarker writes the marker of a space.
func writeMarker(ctx context.Context, sp Space, m Marker, ifAbsent bool) error {
	raw, err := json.MarshalIndent(markerJSON{hex.EncodeToString(m.StoreID[:]), m.Epoch, m.CreatedAt}, "", "  ")
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
