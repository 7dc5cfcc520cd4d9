package content

import (
	"errors"
	"testing"

	"trivium/drivers"
	"trivium/drivers/memory"
)

func TestMarker(t *testing.T) {
	for _, dir := range []string{"", "a/b"} {
		sp := Space{ID: 3, Driver: memory.New(), WorkingDir: dir}
		ours, theirs := [16]byte{1}, [16]byte{2}
		if _, err := CheckMarker(t.Context(), sp, ours, 1); !errors.Is(err, drivers.ErrNotExist) {
			t.Fatalf("CheckMarker of a new space = %v, want ErrNotExist", err)
		}
		first, err := ClaimSpace(t.Context(), sp, ours, 1)
		if err != nil || first.StoreID != ours || first.Epoch != 1 || first.CreatedAt.IsZero() {
			t.Fatalf("ClaimSpace = %+v, %v", first, err)
		}
		again, err := ClaimSpace(t.Context(), sp, ours, 1)
		if err != nil || !again.CreatedAt.Equal(first.CreatedAt) {
			t.Fatalf("ClaimSpace again = %+v, %v", again, err)
		}
		_, err = ClaimSpace(t.Context(), sp, theirs, 9)
		var foreign *MarkerError
		if !errors.Is(err, ErrForeignStore) || !errors.As(err, &foreign) || foreign.Found.StoreID != ours || foreign.Space != 3 {
			t.Fatalf("ClaimSpace by another store = %v, want ErrForeignStore", err)
		}
		if m, err := ClaimSpace(t.Context(), sp, ours, 5); err != nil || m.Epoch != 5 || !m.CreatedAt.Equal(first.CreatedAt) {
			t.Fatalf("ClaimSpace of a later epoch = %+v, %v", m, err)
		}
		if m, err := CheckMarker(t.Context(), sp, ours, 4); !errors.Is(err, ErrNewerEpoch) || m.Epoch != 5 {
			t.Fatalf("CheckMarker of the old server = %+v, %v; want ErrNewerEpoch", m, err)
		}
		if m, err := CheckMarker(t.Context(), sp, ours, 6); err != nil || m.Epoch != 5 {
			t.Fatalf("CheckMarker = %+v, %v; want epoch 5 untouched", m, err)
		}
		for _, bad := range []string{"", "{}", `{"storeID":"zz"}`, "garbage"} {
			err := sp.Driver.Put(t.Context(), join(dir, markerName), newBody([]byte(bad)), int64(len(bad)), drivers.PutOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := ClaimSpace(t.Context(), sp, ours, 1); !errors.Is(err, ErrFormat) {
				t.Errorf("ClaimSpace over %q = %v, want ErrFormat", bad, err)
			}
		}
	}
}
