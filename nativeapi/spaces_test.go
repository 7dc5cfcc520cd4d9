package nativeapi_test

import (
	"fmt"
	"strings"
	"testing"

	"trivium/core/content"
	"trivium/core/coretest"
	"trivium/drivers"
)

const cloudSpace = `"storage":{"type":"S3","endpoint":"https://a","bucket":"b1"},"credential":{"type":"S3","accessKeyId":"AK1","secretAccessKey":"SK1"}`

func TestEdge25SpaceTypes(t *testing.T) {
	l := newLab(t)
	a := l.want("unknown type", l.post("userSpace/create", `{"name":"x","storage":{"type":"Foo"},"credential":{"type":"Foo"},"shardStore":null}`), 400, "BadArgument")
	if !strings.Contains(a.Message, `unknown type "Foo"; known: Memory, OBS, S3`) {
		t.Errorf("message %q", a.Message)
	}
	for what, c := range map[string]struct{ body, says string }{
		"another credential": {strings.Replace(cloudSpace, `{"type":"S3","accessKeyId"`, `{"type":"OBS","accessKeyId"`, 1), "credential.type"},
		"no type":            {`"storage":{"endpoint":"https://a"}`, "storage.type"},
		"no storage":         {`"credential":{"type":"S3"}`, "storage"},
		"storage is a list":  {`"storage":[]`, "storage"},
		"no bucket":          {`"storage":{"type":"S3","endpoint":"https://a"}`, "bucket"},
		"a number":           {`"storage":{"type":"S3","endpoint":7,"bucket":"b"}`, "storage.endpoint"},
		"no flag":            {`"storage":{"type":"S3","endpoint":"a","bucket":"b","pathStyle":"yes"}`, "storage.pathStyle"},
		"port as text":       {`"storage":{"type":"S3","endpoint":"a","bucket":"b","port":"22"}`, "storage.port"},
		"a feature":          {cloudSpace + `,"features":[{"type":"ECMultiplier"}]`, "ECMultiplier"},
		"without shardStore": {cloudSpace + `,"features":[{"type":"BypassWrite"}]`, "BypassWrite"},
	} {
		a := l.want(what, l.post("userSpace/create", `{"name":"x",`+c.body+`}`), 400, "BadArgument")
		if !strings.Contains(a.Message, c.says) {
			t.Errorf("%s: message %q does not name %s", what, a.Message, c.says)
		}
	}
}

func TestEdge26Secrets(t *testing.T) {
	l := newLab(t)
	id := num(l.hidden("create", l.post("userSpace/create", `{"name":"x",`+cloudSpace+`,"shardStore":{"maxSize":0}}`)), "userSpace", "userSpaceID")
	l.hidden("update", l.post("userSpace/update", fmt.Sprintf(`{"userSpaceID":%d,"credential":{"type":"S3","accessKeyId":"AK1","secretAccessKey":"******"}}`, id)))
	l.hidden("get", l.get(fmt.Sprintf("userSpace/get?userSpaceID=%d", id)))
	l.hidden("list", l.get("userSpace/list"))
	if a := l.ok("show", l.get(fmt.Sprintf("userSpace/get?userSpaceID=%d&showSecret=true", id))); !strings.Contains(a.body, `"SK1"`) {
		t.Errorf("an administrator is not shown the secret: %s", a.body)
	}
	l.ok("test with the kept secret", l.post("userSpace/test", fmt.Sprintf(
		`{"userSpaceID":%d,"storage":{"type":"S3","endpoint":"https://a","bucket":"b1"},"credential":{"type":"S3","accessKeyId":"AK1","secretAccessKey":"******"}}`, id)))
	a := l.want("test with a wrong one", l.post("userSpace/test", `{`+strings.Replace(cloudSpace, "SK1", "SK2", 1)+`}`), 500, "OperationFailed")
	if !strings.Contains(a.Message, "the key is refused") || strings.Contains(a.Message, "SK2") {
		t.Errorf("message %q", a.Message)
	}
	// Another user's own space: he is no administrator, so nobody shows him.
	id = num(l.hidden("create", l.postAs("ann", "userSpace/create", `{"name":"x",`+cloudSpace+`,"workingDir":"ann"}`)), "userSpace", "userSpaceID")
	l.hidden("show to ann", l.do(call{method: "GET", user: "ann", target: fmt.Sprintf("/v1/userSpace/get?showSecret=1&userSpaceID=%d", id)}))
	l.want("bob", l.do(call{method: "GET", user: "bob", target: fmt.Sprintf("/v1/userSpace/get?userSpaceID=%d", id)}), 404, "DataNotFound")
}

// hidden checks an answer that must not show the secret.
func (l *lab) hidden(what string, a answer) answer {
	l.t.Helper()
	if l.ok(what, a); strings.Contains(a.body, "SK1") || !strings.Contains(a.body, `"******"`) {
		l.t.Errorf("%s shows the secret: %s", what, a.body)
	}
	return a
}

func TestEdge27DeleteSpace(t *testing.T) {
	l := newLab(t)
	l.ok("missing", l.post("userSpace/delete", `{"userSpaceID":99}`))
	b := l.bucket("bkt")
	p := l.pkg(b, "pkg")
	big := strings.Repeat("x", 100<<10)
	l.ok("put", l.do(call{method: "PUT", user: "admin", target: fmt.Sprintf("/v1/object/putByPath?packageID=%d&path=k", p), body: big}))
	a := l.want("in use", l.post("userSpace/delete", `{"userSpaceID":1}`), 409, "Conflict")
	if !strings.Contains(a.Message, "1 shards") {
		t.Errorf("message %q", a.Message)
	}
}

// TestSpaceGetsAnotherHostKey: by what a storage is known again may change, alone or with the credential, and the rest
// stays.
func TestSpaceGetsAnotherHostKey(t *testing.T) {
	far := cloudKind("Far")
	far.Fields = append(far.Fields, drivers.Field{Name: "hostKey", Learned: true})
	l := newLabOn(t, "", coretest.Options{Kinds: []drivers.Kind{far}})
	of := strings.NewReplacer("S3", "Far").Replace
	id := num(l.ok("create", l.post("userSpace/create", of(`{"name":"x",`+cloudSpace+`,"shardStore":null}`))), "userSpace", "userSpaceID")
	update := func(body string) answer {
		t.Helper()
		return l.post("userSpace/update", fmt.Sprintf(`{"userSpaceID":%d,%s}`, id, of(body)))
	}
	shown := func(a answer) string {
		return str(a, "userSpace", "storage", "endpoint") + " " + str(a, "userSpace", "storage", "hostKey") + " " +
			str(a, "userSpace", "credential", "accessKeyId") + " " + str(a, "userSpace", "credential", "secretAccessKey")
	}
	if got := shown(l.ok("key alone", update(`"storage":{"type":"S3","hostKey":"K1"}`))); got != "https://a K1 AK1 ******" {
		t.Errorf("with a key it is %q", got)
	}
	a := l.ok("key and credential", update(`"storage":{"type":"S3","endpoint":"https://a","hostKey":"K2"},"credential":{"type":"S3","accessKeyId":"AK2","secretAccessKey":"******"}`))
	if got := shown(a); got != "https://a K2 AK2 ******" {
		t.Errorf("with another key it is %q", got)
	}
	for _, bad := range []string{`"hostKey":""`, `"hostKey":"K3","endpoint":"https://b"`, `"hostKey":7`} {
		l.want(bad, update(`"storage":{"type":"S3",`+bad+`}`), 400, "BadArgument")
	}
	l.up(content.SpaceID(id))
	if got := shown(l.get(fmt.Sprintf("userSpace/get?userSpaceID=%d", id))); got != "https://a K2 AK2 ******" {
		t.Errorf("in the end it is %q", got)
	}
}

func TestSpaceChanges(t *testing.T) {
	l := newLab(t)
	id := num(l.ok("create", l.post("userSpace/create", `{"name":"x",`+cloudSpace+`,"shardStore":{"maxSize":5}}`)), "userSpace", "userSpaceID")
	for what, c := range map[string]struct{ body, says string }{
		"storage":    {`"storage":{"type":"S3","endpoint":"https://b","bucket":"b1"}`, "storage.endpoint"},
		"type":       {`"storage":{"type":"OBS","endpoint":"https://a","bucket":"b1"}`, "storage.type"},
		"workingDir": {`"workingDir":"other"`, "workingDir"},
		"state":      {`"state":"gone"`, "state"},
	} {
		a := l.want(what, l.post("userSpace/update", fmt.Sprintf(`{"userSpaceID":%d,%s}`, id, c.body)), 400, "BadArgument")
		if !strings.Contains(a.Message, c.says) {
			t.Errorf("%s: message %q", what, a.Message)
		}
	}
	change := func(body string) string {
		t.Helper()
		return l.ok(body, l.post("userSpace/update", fmt.Sprintf(`{"userSpaceID":%d,%s}`, id, body))).body
	}
	if body := change(`"name":"y"`); !strings.Contains(body, `"shardStore":{"maxSize":5}`) || !strings.Contains(body, `"revision":2`) {
		t.Errorf("what is absent does not stay: %s", body)
	}
	if body := change(`"shardStore":null`); !strings.Contains(body, `"shardStore":null`) {
		t.Errorf("null does not take it away: %s", body)
	}
	if body := change(`"state":"draining","weight":0.5,"failureDomain":"d","shardStore":{"maxSize":7}`); !strings.Contains(body, `"failureDomain":"d","weight":0.5,"state":"draining"`) {
		t.Errorf("changed to %s", body)
	}
}
