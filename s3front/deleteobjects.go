package s3front

import (
	"net/http"

	"trivium/core"
	"trivium/s3front/s3xml"
)

const (
	maxDeleteBody  = 2 << 20
	maxDeleteItems = 1000
)

// deleteObjects is S3 DeleteObjects.
func deleteObjects(w http.ResponseWriter, r *request, se *core.Session) error {
	if err := needDigest(r); err != nil {
		return err
	}
	// Who may not delete shall not make the server hold a large document.
	if err := se.May(r.Context(), r.bucket, core.AccessWrite); err != nil {
		return err
	}
	root, err := readXML(r, maxDeleteBody)
	if err != nil {
		return err
	}
	items, err := deleteItems(root)
	if err != nil {
		return err
	}
	results, err := se.DeleteObjects(r.Context(), r.bucket, items)
	if err != nil {
		return err
	}
	quiet := root.Value("Quiet") == "true"
	return r.writeXML(w, http.StatusOK, func(x *s3xml.Writer) {
		x.Start("DeleteResult")
		for i := range results {
			writeDeleted(x, &items[i], &results[i], quiet)
		}
		x.Close("DeleteResult")
	})
}

// maxFields is how many elements an object, a part or a tag in a document has at most, with some room.
const maxFields = 16

// ambiguous tells whether an element whose children each stand for one thing has two for one, or more than there are.
func ambiguous(n *s3xml.Node) bool { return len(n.Children) > maxFields || n.Repeats() }

// deleteItems reads 1 to 1,000 objects from a Delete document.
func deleteItems(root *s3xml.Node) ([]core.DeleteItem, error) {
	if root.Name != "Delete" {
		return nil, &apiError{code: malformedXML}
	}
	items := make([]core.DeleteItem, 0, min(len(root.Children), maxDeleteItems))
	for i := range root.Children {
		n := &root.Children[i]
		if n.Name != "Object" {
			continue
		}
		if len(items) == maxDeleteItems || n.Child("Key") == nil || ambiguous(n) {
			return nil, &apiError{code: malformedXML}
		}
		item, err := deleteItem(n)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	if len(items) == 0 {
		return nil, &apiError{code: malformedXML}
	}
	return items, nil
}

func deleteItem(n *s3xml.Node) (core.DeleteItem, error) {
	// The key's own text: white space around it belongs to the key.
	item := core.DeleteItem{Key: n.Child("Key").Text}
	item.VersionID = n.Value("VersionId")
	if etag := n.Value("ETag"); etag != "" {
		item.Conditions.IfMatch = []string{unquote(etag)}
	}
	if s := n.Value("Size"); s != "" {
		size, ok := decimal(s)
		if !ok {
			return item, &apiError{code: malformedXML}
		}
		item.Conditions.IfSize = &size
	}
	if s := n.Value("LastModifiedTime"); s != "" {
		if item.Conditions.IfUpdateTime = anyTime(s); item.Conditions.IfUpdateTime == 0 {
			return item, &apiError{code: malformedXML}
		}
	}
	return item, nil
}

func writeDeleted(x *s3xml.Writer, item *core.DeleteItem, res *core.DeleteResult, quiet bool) {
	if res.Err != nil {
		e := translate(res.Err)
		rep := e.code.reply()
		if e.msg != "" {
			rep.message = e.msg
		}
		x.Open("Error")
		x.Text("Key", item.Key)
		x.TextOpt("VersionId", item.VersionID)
		x.Text("Code", rep.name)
		x.Text("Message", rep.message)
		x.Close("Error")
		return
	}
	if quiet {
		return
	}
	x.Open("Deleted")
	x.Text("Key", item.Key)
	if item.VersionID != "" {
		x.Text("VersionId", item.VersionID)
	}
	if res.MarkerMade || res.WasMarker {
		x.Bool("DeleteMarker", true)
		x.Text("DeleteMarkerVersionId", res.VersionID)
	}
	x.Close("Deleted")
}
