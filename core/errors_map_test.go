package core

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"trivium/core/content"
)

// TestSlowBodyIsToldSo: who is cut because others waited hears why, and that trying again may help; the error that
// ended the Read is not blamed on the body.
func TestSlowBodyIsToldSo(t *testing.T) {
	body := &countedBody{err: os.ErrDeadlineExceeded}
	err := body.blame(fmt.Errorf("read body: %w", content.ErrTooSlow))
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Code != Overloaded || e.Msg != slowClient {
		t.Errorf("blame = %#v, want Overloaded with %q", err, slowClient)
	}
}
