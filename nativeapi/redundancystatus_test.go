package nativeapi_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"trivium/core/content"
	"trivium/core/coretest"
	v1 "trivium/nativeapi/v1"
)

// TestRedundancyStatus tells where the pieces of an object are, and what became of them.
func TestRedundancyStatus(t *testing.T) {
	l := newLabOn(t, "", coretest.Options{Spaces: 3})
	b := l.bucket("bkt")
	l.ok("policy", l.post("bucket/setPolicy", fmt.Sprintf(`{"bucketID":%d,"policy":{"redundancy":{"type":"rep","repCount":2,"strict":true}}}`, b)))
	id := l.put(l.pkg(b, "pkg"), "k", strings.Repeat("x", 100<<10))
	status := func() (out v1.RedundancyStatus) {
		t.Helper()
		var doc v1.Answer[v1.RedundancyStatus]
		a := l.ok("status", l.get(fmt.Sprintf("redundancy/status?objectID=%d", id)))
		if err := json.Unmarshal([]byte(a.body), &doc); err != nil {
			t.Fatal(err)
		}
		return doc.Data
	}
	got := status()
	if got.State != "healthy" || got.Redundancy.Type != "rep" || got.Redundancy.RepCount != 2 || got.Policy.RepCount != 2 || len(got.Blocks) != 2 {
		t.Errorf("status %+v", got)
	}
	for i, block := range got.Blocks {
		if block.Index != i || block.State != "ok" || block.Size < 100<<10 || block.CheckTime == nil || block.UserSpaceID == 0 {
			t.Errorf("block %d: %+v", i, block)
		}
	}
	m := l.env.Service.Maintenance()
	sp, _ := m.Spaces.Get(content.SpaceID(got.Blocks[1].UserSpaceID))
	sp.State = content.Down
	m.Spaces.Set(sp)
	if got := status(); got.State != "degraded" || got.Blocks[1].State != "ok" || got.Blocks[1].CheckTime != nil {
		t.Errorf("status with a space down: %+v", got)
	}
	l.want("missing", l.get("redundancy/status?objectID=999"), 404, "DataNotFound")
	l.want("no id", l.get("redundancy/status"), 400, "BadArgument")
	l.want("bob", l.do(call{method: "GET", user: "bob", target: fmt.Sprintf("/v1/redundancy/status?objectID=%d", id)}), 404, "DataNotFound")
	l.want("unfinished", l.get(fmt.Sprintf("redundancy/status?objectID=%d", num(
		l.ok("upload", l.post("object/newMultipartUpload", fmt.Sprintf(`{"packageID":%d,"path":"u"}`, l.pkg(b, "other")))), "object", "objectID"))), 409, "Conflict")
}
