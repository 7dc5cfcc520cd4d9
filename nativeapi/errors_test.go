package nativeapi

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"trivium/core"
)

// TestReadOnlyReply: that nothing may be written now is no matter of rights; all doors say that it may pass.
func TestReadOnlyReply(t *testing.T) {
	err := &core.Error{Code: core.ReadOnly, Msg: "the store is read-only"}
	rep, message := worded(err)
	if rep != (reply{http.StatusServiceUnavailable, "Unavailable"}) || message != err.Msg {
		t.Errorf("ReadOnly = %v %q, want 503 Unavailable", rep, message)
	}
	w := httptest.NewRecorder()
	new(Config).failed(t.Context(), w, rep, Event{Err: err})
	if w.Header().Get("Retry-After") == "" {
		t.Error("the reply has no Retry-After")
	}
}
