package nativeapi

import (
	"archive/tar"
	"archive/zip"
	"io"
	"net/http"
	"strings"
	"time"

	"trivium/core"
	v1 "trivium/nativeapi/v1"
)

// archive is a stream of files.
type archive interface {
	// add begins a file of that size, or a folder if the name ends in "/".
	add(name string, size int64, at time.Time) (io.Writer, error)
	Close() error
}

// fileMemory is what zip.Writer keeps of a file beside its name, in bytes.
const fileMemory = 512

// zipArchive stores: most content does not get smaller, and it is to be as fast as a download. What its directory, which
// is written last, keeps of each file is counted as the request's.
type zipArchive struct {
	*zip.Writer
	r *request
}

func (a zipArchive) add(name string, size int64, at time.Time) (io.Writer, error) {
	need := fileMemory + int64(len(name))
	if !a.r.d.archives.TryAcquire(need) {
		return nil, &core.Error{Code: core.Overloaded, Msg: "there is no memory for the directory of this zip: take a tar"}
	}
	a.r.names += need
	h := &zip.FileHeader{Name: name, Method: zip.Store, Modified: at}
	if !strings.HasSuffix(name, "/") {
		h.UncompressedSize64 = uint64(size)
	}
	return a.CreateHeader(h)
}

type tarArchive struct{ *tar.Writer }

func (a tarArchive) add(name string, size int64, at time.Time) (io.Writer, error) {
	h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644, ModTime: at.Truncate(time.Second), Format: tar.FormatPAX}
	if strings.HasSuffix(name, "/") {
		h.Typeflag, h.Mode = tar.TypeDir, 0o755
	}
	return a, a.WriteHeader(h)
}

// downloadPackage is GET package/download: the objects of a package as a zip or tar stream, without unfinished uploads
// and without paths that a tree cannot show.
func downloadPackage(w http.ResponseWriter, r *request) error {
	id, err := r.number("packageID")
	if err != nil {
		return err
	}
	prefix, _, err := r.text("prefix")
	if err != nil {
		return err
	}
	format, _, err := r.text("format")
	if err != nil {
		return err
	}
	if format == "" {
		format = "zip"
	}
	if format != "zip" && format != "tar" {
		return badArgument("format: " + short(format) + ": it must be zip or tar")
	}
	p, _, err := r.se.Package(r.Context(), id, core.AccessRead)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", disposition(p.Name+"."+format))
	if r.Method == http.MethodHead {
		return nil
	}
	var a archive = zipArchive{zip.NewWriter(w), r}
	if format == "tar" {
		a = tarArchive{tar.NewWriter(w)}
	}
	r.cut(r.pack(a, id, prefix))
	return nil
}

// pack writes all objects of a package into an archive.
func (r *request) pack(a archive, id int64, prefix string) error {
	opts := core.MemberListOptions{Prefix: prefix, Limit: v1.MaxPage}
	for {
		page, err := r.se.Members(r.Context(), id, opts)
		if err != nil {
			return err
		}
		for i := range page.Items {
			if err := r.packOne(a, id, &page.Items[i].Member); err != nil {
				return err
			}
		}
		if page.Next == nil {
			return a.Close()
		}
		opts.After = page.Next
	}
}

// packOne writes one object of a package, unless it has left that meanwhile or the archive cannot have it. Whatever else
// keeps it out makes the archive no whole one.
func (r *request) packOne(a archive, pkg int64, m *core.Member) error {
	if m.Unfinished || !inTree(m.Path, m.Size) {
		return nil
	}
	rd, err := r.se.OpenMember(r.Context(), m.Entry.ObjectID, core.GetOptions{})
	if err != nil && core.CodeOf(err) == core.NoSuchKey {
		// Where the caller may read nothing any more there is no object either.
		_, err = r.lies(pkg, m.Path)
		return err
	}
	if err != nil {
		return err
	}
	defer func() { _ = rd.Body.Close() }()
	if rd.Entry.BucketID != m.Entry.BucketID || rd.Entry.Key != m.Entry.Key { // it moved, or the package did
		at, err := r.lies(pkg, m.Path)
		if err != nil || at != (core.Path{Bucket: rd.Bucket.Name, Key: rd.Entry.Key}) {
			return err
		}
	}
	v := &rd.Entry.Version
	at := v.UpdateTime
	if v.MTime != core.NoTime {
		at = v.MTime
	}
	name := m.Path
	if strings.HasSuffix(name, "/") && v.Size > 0 {
		return nil
	}
	out, err := a.add(name, v.Size, timeOf(at))
	if err != nil || v.Size == 0 {
		return err
	}
	_, err = io.Copy(out, rd.Body)
	return err
}

// lies returns where a path of a package lies now, if the caller may read it yet.
func (r *request) lies(pkg int64, path string) (core.Path, error) {
	return r.se.MemberPath(r.Context(), pkg, path)
}

// inTree tells whether a tree can show a path, one of Windows too, for which a backslash parts names and a letter with a
// colon begins another tree. That of a folder's marker ends in "/".
func inTree(path string, size int64) bool {
	if size == 0 {
		path = strings.TrimSuffix(path, "/")
	}
	if strings.Contains(path, `\`) || len(path) > 1 && path[1] == ':' {
		return false
	}
	for seg := range strings.SplitSeq(path, "/") {
		if seg == "" || seg == "." || seg == ".." {
			return false
		}
	}
	return true
}
