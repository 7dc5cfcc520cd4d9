package nativeapi_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestRedundancy sets every sort of redundancy on a bucket that may use six spaces.
func TestRedundancy(t *testing.T) {
	l := newLab(t)
	for i := range 5 {
		l.ok("space", l.post("userSpace/create", fmt.Sprintf(
			`{"name":"s%d",%s,"shardStore":{"maxSize":0}}`, i, strings.Replace(cloudSpace, "https://a", fmt.Sprintf("https://s%d", i), 1))))
	}
	b := l.bucket("bkt")
	for in, want := range map[string]string{
		`{"type":"none"}`:                     `{"type":"none"}`,
		`{"type":"rep"}`:                      `{"type":"rep","repCount":2}`,
		`{"type":"rep","repCount":6}`:         `{"type":"rep","repCount":6}`,
		`{"type":"ec"}`:                       `{"type":"ec","k":2,"n":3,"chunkSize":8388608}`,
		`{"type":"ec","k":4,"n":6}`:           `{"type":"ec","k":4,"n":6,"chunkSize":4194304}`,
		`{"type":"lrc"}`:                      `{"type":"lrc","k":2,"n":4,"groups":[2],"chunkSize":8388608}`,
		`{"type":"ec","strict":true}`:         `{"type":"ec","k":2,"n":3,"chunkSize":8388608,"strict":true}`,
		`{"type":"ec","chunkSize":65536}`:     `{"type":"ec","k":2,"n":3,"chunkSize":65536}`,
		`{"type":"ec","degradedWrites":true}`: `{"type":"ec","k":2,"n":3,"chunkSize":8388608,"degradedWrites":true}`,
	} {
		a := l.ok(in, l.post("bucket/setPolicy", fmt.Sprintf(`{"bucketID":%d,"policy":{"redundancy":%s}}`, b, in)))
		if !strings.Contains(a.body, `"redundancy":`+want+`,`) {
			t.Errorf("%s: %s", in, a.body)
		}
	}
	for in, says := range map[string]string{
		`{"type":"raid"}`:                   "none, rep, ec or lrc",
		`{}`:                                "type",
		`{"type":"none","k":2}`:             "k",
		`{"type":"rep","repCount":17}`:      "repCount 17",
		`{"type":"rep","n":3}`:              "policy.redundancy.n",
		`{"type":"ec","k":3,"n":3}`:         "k 3 and n 3",
		`{"type":"ec","groups":[2]}`:        "groups",
		`{"type":"ec","k":4,"n":7}`:         "it needs 7 spaces in distinct failure domains, the bucket may use 6",
		`{"type":"ec","chunkSize":1}`:       "chunkSize 1",
		`{"type":"lrc","k":4,"groups":[1]}`: "sum up to k",
	} {
		a := l.want(in, l.post("bucket/setPolicy", fmt.Sprintf(`{"bucketID":%d,"policy":{"redundancy":%s}}`, b, in)), 400, "BadArgument")
		if !strings.Contains(a.Message, says) {
			t.Errorf("%s: message %q does not say %q", in, a.Message, says)
		}
	}
}
