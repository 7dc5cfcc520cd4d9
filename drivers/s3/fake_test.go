package s3_test

import (
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"trivium/drivers"
	"trivium/drivers/s3"
)

const (
	bucket = "space"
	keyID  = "KEYOFTHESPACE"
	secret = "the/secret+of/the/space"
)

// fake is gofakes3 on a loopback address with one bucket.
type fake struct {
	*httptest.Server
	backend *s3mem.Backend
	inner   http.Handler
}

// newFake starts an empty one. Its ListObjectsV2 is not gofakes3's own, which ignores start-after and encoding-type,
// takes a prefix for a path and gives wrong next pages.
func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{backend: s3mem.New()}
	if err := f.backend.CreateBucket(bucket); err != nil {
		t.Fatal(err)
	}
	f.inner = gofakes3.New(f.backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server()
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

// ServeHTTP implements http.Handler.
func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && r.URL.Query().Get("list-type") == "2" {
		f.list(w, r.URL.Query())
		return
	}
	f.inner.ServeHTTP(w, r)
}

type listedKey struct {
	Key          string
	LastModified string
	ETag         string
	Size         int64
}

type listedPrefix struct{ Prefix string }

type listResult struct {
	XMLName               xml.Name `xml:"ListBucketResult"`
	EncodingType          string
	IsTruncated           bool
	NextContinuationToken string `xml:",omitempty"`
	Contents              []listedKey
	CommonPrefixes        []listedPrefix
}

// list answers ListObjectsV2 as S3 does, 100 entries a page.
func (f *fake) list(w http.ResponseWriter, q url.Values) {
	all, err := f.backend.ListBucket(bucket, nil, gofakes3.ListBucketPage{})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	prefix, start, delimiter := q.Get("prefix"), q.Get("start-after"), q.Get("delimiter")
	if token := q.Get("continuation-token"); token != "" {
		start = token
	}
	out := listResult{EncodingType: "url"}
	last := ""
	slices.SortFunc(all.Contents, func(a, b *gofakes3.Content) int { return strings.Compare(a.Key, b.Key) })
	for _, c := range all.Contents {
		rest, ok := strings.CutPrefix(c.Key, prefix)
		if !ok || c.Key <= start {
			continue
		}
		entry := c.Key
		before, _, dir := strings.Cut(rest, delimiter)
		if dir = dir && delimiter != ""; dir {
			entry = prefix + before + delimiter
		}
		if entry == last || entry <= start && strings.HasPrefix(start, entry) && q.Get("continuation-token") != "" {
			continue
		}
		if len(out.Contents)+len(out.CommonPrefixes) == 100 {
			out.IsTruncated, out.NextContinuationToken = true, last
			break
		}
		if last = entry; dir {
			out.CommonPrefixes = append(out.CommonPrefixes, listedPrefix{url.QueryEscape(entry)})
			continue
		}
		out.Contents = append(out.Contents, listedKey{
			url.QueryEscape(c.Key), c.LastModified.UTC().Format("2006-01-02T15:04:05.000Z"), c.ETag, c.Size,
		})
	}
	w.Header().Set("Content-Type", "application/xml")
	_ = xml.NewEncoder(w).Encode(out)
}

// kind returns one of the kinds.
func kind(t *testing.T, name string, opts s3.Options) drivers.Kind {
	t.Helper()
	for _, k := range s3.Kinds(opts) {
		if k.Name == name {
			return k
		}
	}
	t.Fatalf("no kind %q", name)
	return drivers.Kind{}
}

// config is a space at endpoint, with pairs of further settings.
func config(endpoint string, more ...string) drivers.Config {
	cfg := drivers.Config{"endpoint": endpoint, "bucket": bucket, "accessKeyId": keyID, "secretAccessKey": secret}
	for i := 0; i < len(more); i += 2 {
		cfg[more[i]] = more[i+1]
	}
	return cfg
}

// open opens a space of the kind S3; the caller closes it.
func open(t *testing.T, endpoint string, more ...string) *s3.Driver {
	t.Helper()
	d, err := kind(t, "S3", s3.Options{}).Open(t.Context(), "cloud", config(endpoint, more...))
	if err != nil {
		t.Fatal(err)
	}
	return d.(*s3.Driver)
}

// uploads returns the names of the multipart uploads that are not over.
func (f *fake) uploads(t *testing.T) []string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.URL+"/"+bucket+"?uploads", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := f.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var out struct {
		Upload []struct{ Key string }
	}
	if err := xml.NewDecoder(resp.Body).Decode(&out); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, u := range out.Upload {
		names = append(names, u.Key)
	}
	return names
}
