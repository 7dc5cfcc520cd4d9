package s3front

import (
	"context"
	"testing"
)

// TestAttend: copies are attended until they are done, whether they succeed or not, and before they are answered; nothing
// else is.
func TestAttend(t *testing.T) {
	var begun, done int
	e := newEnv(t, func(c *Config) {
		c.Attend = func(context.Context) func() {
			begun++
			return func() { done++ }
		}
	})
	for _, tt := range []struct {
		call call
		want int
	}{
		{put("/bucket", ""), 0},
		{put("/bucket/k", "x"), 0},
		{get("/bucket/k"), 0},
		{put("/bucket/copy", "", "X-Amz-Copy-Source: bucket/k", "X-Amz-Checksum-Algorithm: SHA1"), 1},
		{put("/bucket/copy", "", "X-Amz-Copy-Source: bucket/absent"), 1},
		{put("/bucket/copy?uploadId=absent&partNumber=1", "", "X-Amz-Copy-Source: bucket/k"), 1},
	} {
		begun, done = 0, 0
		e.do(tt.call)
		if begun != tt.want || done != tt.want {
			t.Errorf("%s %s: %d attended, %d done, want %d", tt.call.method, tt.call.target, begun, done, tt.want)
		}
	}
}
