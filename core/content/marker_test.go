package content

import (
	"context"
	"errors"
	"slices"
	"testing"

	"trivium/drivers"
	"trivium/drivers/memory"
)

func TestMarker(t *testing.T) {
	for _, dir := range []string{"", "a/b"} {
		sp := Space{ID: 3, Driver: memory.New(), WorkingDir: dir}
		ours, theirs := [16]byte{1}, [16]byte{2}
		if _, err := CheckMarker(t.Context(), sp, Claim{StoreID: ours, Epoch: 1}); !errors.Is(err, drivers.ErrNotExist) {
			t.Fatalf("CheckMarker of a new space = %v, want ErrNotExist", err)
		}
		first, err := ClaimSpace(t.Context(), sp, Claim{StoreID: ours, Epoch: 1})
		if err != nil || first.StoreID != ours || first.Epoch != 1 || first.CreatedAt.IsZero() {
			t.Fatalf("ClaimSpace = %+v, %v", first, err)
		}
		again, err := ClaimSpace(t.Context(), sp, Claim{StoreID: ours, Epoch: 1})
		if err != nil || !again.CreatedAt.Equal(first.CreatedAt) {
			t.Fatalf("ClaimSpace again = %+v, %v", again, err)
		}
		_, err = ClaimSpace(t.Context(), sp, Claim{StoreID: theirs, Epoch: 9})
		var foreign *MarkerError
		if !errors.Is(err, ErrForeignStore) || !errors.As(err, &foreign) || foreign.Found.StoreID != ours || foreign.Space != 3 {
			t.Fatalf("ClaimSpace by another store = %v, want ErrForeignStore", err)
		}
		if m, err := ClaimSpace(t.Context(), sp, Claim{StoreID: ours, Epoch: 5}); err != nil || m.Epoch != 5 || !m.CreatedAt.Equal(first.CreatedAt) {
			t.Fatalf("ClaimSpace of a later epoch = %+v, %v", m, err)
		}
		if m, err := CheckMarker(t.Context(), sp, Claim{StoreID: ours, Epoch: 4}); !errors.Is(err, ErrNewerEpoch) || m.Epoch != 5 {
			t.Fatalf("CheckMarker of the old server = %+v, %v; want ErrNewerEpoch", m, err)
		}
		if m, err := CheckMarker(t.Context(), sp, Claim{StoreID: ours, Epoch: 6}); err != nil || m.Epoch != 5 {
			t.Fatalf("CheckMarker = %+v, %v; want epoch 5 untouched", m, err)
		}
		for _, bad := range []string{"", "{}", `{"storeID":"zz"}`, "garbage"} {
			err := sp.Driver.Put(t.Context(), join(dir, markerName), newBody([]byte(bad)), int64(len(bad)), drivers.PutOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := ClaimSpace(t.Context(), sp, Claim{StoreID: ours, Epoch: 1}); !errors.Is(err, ErrFormat) {
				t.Errorf("ClaimSpace over %q = %v, want ErrFormat", bad, err)
			}
		}
	}
}

// A copy of a store, or an older state of it, must not use a space that another process has used since.
func TestMarkerNamesTheWriter(t *testing.T) {
	sp := Space{ID: 1, Driver: memory.New()}
	knows := func(known ...uint64) func(context.Context, uint64) (bool, error) {
		return func(_ context.Context, w uint64) (bool, error) { return slices.Contains(known, w), nil }
	}
	id := [16]byte{1}
	claim := func(epoch int64, writer uint64, known ...uint64) error {
		_, err := ClaimSpace(t.Context(), sp, Claim{StoreID: id, Epoch: epoch, Writer: writer, Knows: knows(known...)})
		return err
	}
	for _, step := range []struct {
		name  string
		epoch int64
		self  uint64
		known []uint64
		want  error
	}{
		{"the first process", 1, 10, nil, nil},
		{"the same again", 1, 10, nil, nil},
		{"its successor", 1, 11, []uint64{10}, nil},
		{"a copy from before the successor", 1, 20, []uint64{10}, ErrForeignWriter},
		{"the successor's successor", 1, 12, []uint64{10, 11}, nil},
		{"the successor, still running", 1, 11, []uint64{10}, ErrForeignWriter},
		{"a recovered store", 2, 30, nil, nil},
		{"the old server", 1, 12, []uint64{10, 11, 30}, ErrNewerEpoch},
	} {
		if err := claim(step.epoch, step.self, step.known...); !errors.Is(err, step.want) {
			t.Errorf("%s: ClaimSpace = %v, want %v", step.name, err, step.want)
		}
	}
}
