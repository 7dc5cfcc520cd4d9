package s3front

import "testing"

// TestEveryCodeHasAReply: a code without a line in reply would answer with status 0.
func TestEveryCodeHasAReply(t *testing.T) {
	for c := range sha256Mismatch + 1 {
		if rep := c.reply(); rep.name == "" || rep.status < 300 || rep.message == "" {
			t.Errorf("code %d, behind %q, has reply %+v, want name, status and message", c, max(c-1, 0).reply().name, rep)
		}
	}
}
