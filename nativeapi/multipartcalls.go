package nativeapi

import (
	"errors"
	"io"
	"net/http"

	"trivium/core"
	v1 "trivium/nativeapi/v1"
)

// newUpload is POST object/newMultipartUpload.
func newUpload(w http.ResponseWriter, r *request) error {
	var in v1.NewUpload
	if err := r.decode(&in); err != nil {
		return err
	}
	m, err := r.se.CreateNativeUpload(r.Context(), in.PackageID, in.Path, core.PutOptions{
		Attrs: core.Attrs{ContentType: contentType("", in.Path)},
	})
	if err != nil {
		return err
	}
	return r.reply(w, v1.OneObject{Object: objectDoc(&m)})
}

// uploadPart is POST object/uploadPart.
func uploadPart(w http.ResponseWriter, r *request) error {
	f, err := r.form(r.Body)
	if err != nil {
		return err
	}
	var in v1.PartInfo
	if err := f.info(&in); err != nil {
		return err
	}
	if in.Index > core.MaxPartNumber {
		return badArgument("index: it must be 0 to 10000")
	}
	p, err := f.next()
	if err != nil {
		return err
	}
	if p == nil || p.name != "file" && p.name != "files" {
		return badArgument("file: it must be the part behind info")
	}
	_, err = r.se.PutNativePart(r.Context(), in.ObjectID, core.PartRequest{
		Number: in.Index, Body: &lastPart{form: f, part: p}, Size: -1,
	})
	if err != nil {
		return err
	}
	write(w, http.StatusOK, struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}{Code: v1.OK})
	return nil
}

// lastPart reads a part that must be the last one: it ends with an error unless the form ends, whole, behind it.
type lastPart struct {
	form *form
	part *formPart
}

// Read implements io.Reader.
func (l *lastPart) Read(p []byte) (int, error) {
	n, err := l.part.Read(p)
	if !errors.Is(err, io.EOF) {
		return n, err
	}
	more, ferr := l.form.next()
	switch {
	case ferr != nil:
		return n, asCore(ferr)
	case more != nil:
		return n, &core.Error{Code: core.BadArgument, Msg: short(more.name) + ": there is one file, and nothing behind it"}
	}
	return n, err
}

// asCore makes a refusal an error that passes core as it is.
func asCore(err error) error {
	if ref, ok := errors.AsType[*refusal](err); ok {
		return &core.Error{Code: core.BadArgument, Msg: ref.message, Err: err}
	}
	return err
}

// completeUpload is POST object/completeMultipartUpload. It takes as long as reading the content back does.
func completeUpload(w http.ResponseWriter, r *request) error {
	var in v1.Complete
	if err := r.decode(&in); err != nil {
		return err
	}
	m, err := r.se.CompleteNative(r.Context(), in.ObjectID, in.Indexes)
	if err != nil {
		return err
	}
	return r.reply(w, v1.OneObject{Object: objectDoc(&m)})
}

// abortUpload is POST object/abortMultipartUpload.
func abortUpload(w http.ResponseWriter, r *request) error {
	var in v1.ObjectRef
	if err := r.decode(&in); err != nil {
		return err
	}
	if err := r.se.AbortNative(r.Context(), in.ObjectID); err != nil {
		return err
	}
	return r.reply(w, nil)
}

// listParts is GET object/listParts.
func listParts(w http.ResponseWriter, r *request) error {
	id, err := r.number("objectID")
	if err != nil {
		return err
	}
	parts, err := r.se.NativeParts(r.Context(), id)
	if err != nil {
		return err
	}
	out := v1.AllParts{Parts: make([]v1.Part, len(parts))}
	for i := range parts {
		p := &parts[i]
		out.Parts[i] = v1.Part{
			Index: p.Number, Size: v1.Size(p.Size), FileHash: hashOf(p.SHA256, nil), UpdateTime: timeOf(p.UpdateTime),
		}
	}
	return r.reply(w, out)
}
