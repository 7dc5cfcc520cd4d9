package davfront

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trivium/core"
)

// modelTree is what the tree should be: content of files by address below the door, "/" for folders.
type modelTree map[string]string

const modelFolder = "/"

// parent is the address of the folder around p.
func parent(p string) string { return p[:strings.LastIndexByte(p, '/')] }

// in tells whether p is top or lies in it.
func in(p, top string) bool { return p == top || strings.HasPrefix(p, top+"/") }

// drop removes p with everything in it.
func (m modelTree) drop(p string) {
	maps.DeleteFunc(m, func(q, _ string) bool { return in(q, p) })
}

// place is the status for something new at p: its folder must be there.
func (m modelTree) place(p string, made bool) int {
	switch {
	case m[parent(p)] != modelFolder:
		return http.StatusConflict
	case made:
		return http.StatusCreated
	}
	return http.StatusNoContent
}

// put is PUT.
func (m modelTree) put(p, content string) int {
	old, there := m[p]
	if old == modelFolder {
		return http.StatusConflict
	}
	status := m.place(p, !there)
	if status != http.StatusConflict {
		m[p] = content
	}
	return status
}

// mkcol is MKCOL.
func (m modelTree) mkcol(p string) int {
	if _, there := m[p]; there {
		return http.StatusMethodNotAllowed
	}
	status := m.place(p, true)
	if status == http.StatusCreated {
		m[p] = modelFolder
	}
	return status
}

// remove is DELETE.
func (m modelTree) remove(p string) int {
	if _, there := m[p]; !there {
		return http.StatusNotFound
	}
	m.drop(p)
	return http.StatusNoContent
}

// copyTo is COPY and MOVE.
func (m modelTree) copyTo(src, dst string, overwrite, shallow, move bool) int {
	_, there := m[src]
	_, taken := m[dst]
	switch {
	case in(src, dst) || in(dst, src):
		return http.StatusForbidden
	case !there:
		return http.StatusNotFound
	case taken && !overwrite:
		return http.StatusPreconditionFailed
	}
	status := m.place(dst, !taken)
	if status == http.StatusConflict {
		return status
	}
	m.drop(dst)
	for p, content := range maps.Clone(m) {
		if p == src || in(p, src) && !shallow {
			m[dst+p[len(src):]] = content
		}
	}
	if move {
		m.drop(src)
	}
	return status
}

// hrefs are the addresses that PROPFIND of everything in a bucket answers, sorted.
func (m modelTree) hrefs(bucket string) []string {
	var all []string
	for p, content := range m {
		if in(p, bucket) {
			if content == modelFolder {
				p += "/"
			}
			all = append(all, Prefix+p)
		}
	}
	slices.Sort(all)
	return all
}

// TestModel runs random requests on two buckets against the model: every status, and the whole tree now and then.
func TestModel(t *testing.T) {
	for _, v := range []core.Versioning{core.VersioningOff, core.VersioningEnabled, core.VersioningSuspended} {
		for seed := range uint64(4) {
			t.Run(fmt.Sprintf("versioning %d seed %d", v, seed), func(t *testing.T) {
				t.Parallel()
				runModel(t, v, seed)
			})
		}
	}
}

func runModel(t *testing.T, v core.Versioning, seed uint64) {
	e := newEnv(t, func(c *Config) { c.InfiniteDepth = true })
	e.mkcol("/dav/second")
	if v != core.VersioningOff {
		for _, state := range []core.Versioning{core.VersioningEnabled, v} {
			if err := e.core.Admin.SetVersioning(t.Context(), "second", state); err != nil {
				t.Fatal(err)
			}
		}
	}
	m := modelTree{"/bucket": modelFolder, "/second": modelFolder}
	r := rand.New(rand.NewPCG(seed, 42))
	path := func() string {
		p := []string{"/bucket", "/second"}[r.IntN(2)]
		for range 1 + r.IntN(3) {
			p += "/" + []string{"a", "a-", "b", "ab"}[r.IntN(4)]
		}
		return p
	}
	for i := range 400 {
		p, want := path(), 0
		c := call{target: Prefix + p}
		switch n := r.IntN(10); n {
		case 0, 1, 2:
			c.method, c.body = http.MethodPut, fmt.Sprintf("content %d", i)
			want = m.put(p, c.body)
		case 3, 4, 5:
			c.method = "MKCOL"
			want = m.mkcol(p)
		case 6:
			c.method = http.MethodDelete
			want = m.remove(p)
		default:
			dst, overwrite, shallow := path(), r.IntN(2) == 0, n == 7 && r.IntN(2) == 0
			c.method = map[bool]string{false: "COPY", true: "MOVE"}[n == 9]
			c.headers = fmt.Sprintf("Destination: %s%s\nOverwrite: %s", Prefix, dst, map[bool]string{false: "F", true: "T"}[overwrite])
			if shallow {
				c.headers += "\nDepth: 0"
			}
			want = m.copyTo(p, dst, overwrite, shallow, n == 9)
		}
		if a := e.do(c); a.StatusCode != want {
			t.Fatalf("request %d: %s %s %q = %d %s, want %d", i, c.method, c.target, c.headers, a.StatusCode, a.body, want)
		}
		if i%40 == 39 {
			compareModel(t, e, m)
		}
	}
}

// compareModel compares the whole tree.
func compareModel(t *testing.T, e *env, m modelTree) {
	t.Helper()
	for _, bucket := range []string{"/bucket", "/second"} {
		got := hrefs(t, e.want(207, call{method: "PROPFIND", target: Prefix + bucket + "/"}))
		slices.Sort(got)
		if diff := cmp.Diff(m.hrefs(bucket), got); diff != "" {
			t.Fatalf("%s (-want +got):\n%s", bucket, diff)
		}
	}
	for p, content := range m {
		if got, ok := e.content(Prefix + p); content != modelFolder && (!ok || got != content) {
			t.Fatalf("%s = %q, %v, want %q", p, got, ok, content)
		}
	}
}
