package s3client

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// UploadOne makes an object by an upload of one part of size bytes.
func (c *Client) UploadOne(ctx context.Context, bucket, key string, body io.Reader, size int64) error {
	id, err := c.CreateUpload(ctx, bucket, key)
	if err != nil {
		return fmt.Errorf("create %s: %w", key, err)
	}
	etag, err := c.PutPart(ctx, Part{Bucket: bucket, Key: key, UploadID: id, Number: 1}, body, size)
	if err != nil {
		return fmt.Errorf("part of %s: %w", key, err)
	}
	if err := c.Complete(ctx, bucket, key, id, []string{etag}); err != nil {
		return fmt.Errorf("complete %s: %w", key, err)
	}
	return nil
}

// BuildDropping builds a server at path whose spaces drop content: what uploads cost without disks.
func BuildDropping(ctx context.Context, path string) error {
	out, err := exec.CommandContext(ctx, "go", "build", "-tags", "discard", "-o", path, "trivium/cmd/trivium").CombinedOutput()
	if err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	return nil
}

// Memory returns a figure of a process's memory in KiB, by its name in /proc/PID/status: RssAnon is what is its own.
func Memory(pid int, name string) (int64, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut(string(text), "\n"+name+":")
	var kib int64
	if _, err := fmt.Sscan(rest, &kib); err != nil || !ok {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	return kib, nil
}
