package nativeapi

import (
	"encoding/json"
	"net/http"
	"strconv"

	"trivium/core"
	"trivium/core/content"
	v1 "trivium/nativeapi/v1"
)

func (d *native) spaceCalls() []endpoint {
	return []endpoint{
		{http.MethodPost, "userSpace/create", "CreateSpace", jsonBody, createSpace, false},
		{http.MethodPost, "userSpace/update", "UpdateSpace", jsonBody, updateSpace, false},
		{http.MethodPost, "userSpace/delete", "DeleteSpace", jsonBody, deleteSpace, false},
		{http.MethodGet, "userSpace/get", "GetSpace", noBody, getSpace, false},
		{http.MethodGet, "userSpace/list", "ListSpaces", noBody, listSpaces, false},
		{http.MethodPost, "userSpace/test", "TestSpace", jsonBody, testSpace, false},
		{http.MethodGet, "userSpace/status", "SpaceStatus", noBody, spaceStatus, false},
		{http.MethodGet, "userSpace/kinds", "SpaceKinds", noBody, spaceKinds, false},
	}
}

// createSpace is POST userSpace/create.
func createSpace(w http.ResponseWriter, r *request) error {
	var in v1.NewUserSpace
	if err := r.decode(&in); err != nil {
		return err
	}
	kind, cfg, err := r.spaceConfig(in.Storage, in.Credential)
	if err != nil {
		return err
	}
	n := core.NewSpace{
		Name: in.Name, Kind: kind, Config: cfg, WorkingDir: in.WorkingDir, Domain: in.FailureDomain, Weight: in.Weight,
		State: in.State, NoShards: in.ShardStore == nil, Features: featureRows(in.Features),
	}
	if in.ShardStore != nil {
		n.MaxSize = in.ShardStore.MaxSize
	}
	row, err := r.se.CreateSpace(r.Context(), n)
	if err != nil {
		return err
	}
	return r.replySpace(w, row, false)
}

// updateSpace is POST userSpace/update.
func updateSpace(w http.ResponseWriter, r *request) error {
	var in v1.UserSpaceChange
	body, err := r.readBody()
	if err != nil {
		return err
	}
	if err := r.decodeFrom(body, &in); err != nil {
		return err
	}
	row, err := r.se.Space(r.Context(), content.SpaceID(in.UserSpaceID))
	if err != nil {
		return err
	}
	c, err := r.spaceChange(&row, &in)
	if err != nil {
		return err
	}
	// null is not the same as absent here alone.
	if in.ShardStore == nil && isNull(body, "shardStore") {
		none := true
		c.NoShards = &none
	}
	row, err = r.se.UpdateSpace(r.Context(), row.ID, c)
	if err != nil {
		return err
	}
	return r.replySpace(w, row, false)
}

// isNull tells whether a field of a JSON object is there and null.
func isNull(body []byte, name string) bool {
	var fields map[string]json.RawMessage
	return json.Unmarshal(body, &fields) == nil && string(fields[name]) == "null"
}

// deleteSpace is POST userSpace/delete.
func deleteSpace(w http.ResponseWriter, r *request) error {
	var in v1.OldUserSpace
	if err := r.decode(&in); err != nil {
		return err
	}
	if err := r.se.DeleteSpace(r.Context(), content.SpaceID(in.UserSpaceID), in.Force); err != nil {
		return err
	}
	return r.reply(w, nil)
}

// getSpace is GET userSpace/get.
func getSpace(w http.ResponseWriter, r *request) error {
	id, err := r.number("userSpaceID")
	if err != nil {
		return err
	}
	show, err := r.flag("showSecret")
	if err != nil {
		return err
	}
	row, err := r.se.Space(r.Context(), content.SpaceID(id))
	if err != nil {
		return err
	}
	return r.replySpace(w, row, show)
}

// listSpaces is GET userSpace/list.
func listSpaces(w http.ResponseWriter, r *request) error {
	show, err := r.flag("showSecret")
	if err != nil {
		return err
	}
	rows, err := r.se.Spaces(r.Context())
	if err != nil {
		return err
	}
	out := v1.AllUserSpaces{UserSpaces: make([]v1.UserSpace, len(rows))}
	for i := range rows {
		if out.UserSpaces[i], err = r.spaceDoc(&rows[i], show); err != nil {
			return err
		}
	}
	return r.reply(w, out)
}

// testSpace is POST userSpace/test.
func testSpace(w http.ResponseWriter, r *request) error {
	var in v1.UserSpaceTest
	if err := r.decode(&in); err != nil {
		return err
	}
	kind, cfg, err := r.spaceConfig(in.Storage, in.Credential)
	if err != nil {
		return err
	}
	err = r.se.TestSpace(r.Context(), core.SpaceTest{
		ID: content.SpaceID(in.UserSpaceID), Kind: kind, Config: cfg, WorkingDir: in.WorkingDir,
	})
	if err != nil && core.CodeOf(err) == core.Unavailable {
		_, message := worded(err)
		return &refusal{http.StatusInternalServerError, "OperationFailed", message}
	}
	if err != nil {
		return err
	}
	return r.reply(w, nil)
}

// spaceStatus is GET userSpace/status.
func spaceStatus(w http.ResponseWriter, r *request) error {
	id, err := r.number("userSpaceID")
	if err != nil {
		return err
	}
	st, err := r.se.SpaceStatus(r.Context(), content.SpaceID(id))
	if err != nil {
		return err
	}
	doc := v1.UserSpaceStatus{
		UserSpaceID: id, State: st.State, Message: st.Message, UsedBytes: st.Usage.Bytes, Pieces: st.Usage.Objects,
		LatencyMs: st.Latency.Milliseconds(),
	}
	if !st.Checked.IsZero() {
		doc.CheckTime = &st.Checked
	}
	return r.reply(w, v1.OneUserSpaceStatus{Status: doc})
}

// spaceKinds is GET userSpace/kinds.
func spaceKinds(w http.ResponseWriter, r *request) error {
	out := v1.SpaceKinds{Kinds: []v1.SpaceKind{}}
	for _, k := range r.se.SpaceKinds() {
		kind := v1.SpaceKind{Type: k.Name, Fields: make([]v1.SpaceField, len(k.Fields)), Features: append([]string{}, k.Features...)}
		for i, f := range k.Fields {
			kind.Fields[i] = v1.SpaceField{
				Name: f.Name, Help: f.Help, Type: fieldKind(f.Type), Credential: f.Credential || f.Secret, Secret: f.Secret,
				Required: f.Required, Default: f.Default,
			}
		}
		out.Kinds = append(out.Kinds, kind)
	}
	return r.reply(w, out)
}

// fieldKind is what JSON calls the type of a setting.
func fieldKind(t core.SpaceFieldType) string {
	switch t {
	case core.SpaceNumber:
		return "number"
	case core.SpaceFlag:
		return "boolean"
	case core.SpaceText:
	}
	return "string"
}

// replySpace answers with a space.
func (r *request) replySpace(w http.ResponseWriter, row core.Space, show bool) error {
	doc, err := r.spaceDoc(&row, show)
	if err != nil {
		return err
	}
	return r.reply(w, v1.OneUserSpace{UserSpace: doc})
}

// spaceDoc shows a space.
func (r *request) spaceDoc(row *core.Space, show bool) (v1.UserSpace, error) {
	doc := v1.UserSpace{
		UserSpaceID: int64(row.ID), Name: row.Name, Storage: v1.Union{"type": row.Kind}, Credential: v1.Union{"type": row.Kind},
		Features: make([]v1.Feature, len(row.Features)), WorkingDir: row.WorkingDir, Revision: row.Revision,
		FailureDomain: row.Domain, Weight: row.Weight, State: row.State,
	}
	if !row.NoShards {
		doc.ShardStore = &v1.ShardStore{MaxSize: row.MaxSize}
	}
	for i, f := range row.Features {
		doc.Features[i] = v1.Feature{Type: f.Type, MinPartSize: f.MinPartSize, MaxPartSize: f.MaxPartSize}
	}
	cfg, err := r.se.SpaceConfig(r.Context(), row.ID, show)
	if err != nil {
		return doc, err
	}
	fields, known := r.se.SpaceFields(row.Kind)
	if !known { // a kind that this program does not have
		for name, value := range row.Config {
			doc.Storage[name] = value
		}
	}
	for _, f := range fields {
		value, given := cfg[f.Name]
		in := doc.Storage
		if f.Credential || f.Secret {
			in = doc.Credential
		}
		if given {
			in[f.Name] = fieldValue(&f, value)
		}
	}
	return doc, nil
}

// fieldValue is a setting as JSON shows it.
func fieldValue(f *core.SpaceField, value string) any {
	switch f.Type {
	case core.SpaceNumber:
		if n, err := strconv.ParseInt(value, 10, 64); err == nil {
			return n
		}
	case core.SpaceFlag:
		if b, err := strconv.ParseBool(value); err == nil {
			return b
		}
	case core.SpaceText:
	}
	return value
}

// featureRows are features as core has them.
func featureRows(in []v1.Feature) []core.SpaceFeature {
	rows := make([]core.SpaceFeature, len(in))
	for i, f := range in {
		rows[i] = core.SpaceFeature{Type: f.Type, MinPartSize: f.MinPartSize, MaxPartSize: f.MaxPartSize}
	}
	return rows
}

// spaceConfig is what storage and credential of a request say, for the kind they name.
func (r *request) spaceConfig(storage, credential v1.Fields) (kind string, cfg map[string]string, err error) {
	if kind, err = unionType("storage", storage); err != nil {
		return "", nil, err
	}
	fields, known := r.se.SpaceFields(kind)
	if !known {
		return "", nil, r.se.MayUseKind(kind) // says which are known
	}
	if credential != nil {
		of, err := unionType("credential", credential)
		if err != nil {
			return "", nil, err
		}
		if of != kind {
			return "", nil, badArgument("credential.type: " + short(of) + ": it must be the storage's, " + kind)
		}
	}
	cfg = make(map[string]string, len(fields))
	for _, f := range fields {
		in, at := storage, "storage."
		if f.Credential || f.Secret {
			in, at = credential, "credential."
		}
		raw, given := in[f.Name]
		if !given || string(raw) == "null" {
			continue
		}
		if cfg[f.Name], err = fieldText(&f, raw, at+f.Name); err != nil {
			return "", nil, err
		}
	}
	return kind, cfg, nil
}

// unionType reads which of its types an object has.
func unionType(name string, fields v1.Fields) (string, error) {
	raw, given := fields["type"]
	if !given {
		return "", badArgument(name + ".type: it is missing")
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return "", badArgument(name + ".type: it must be a string")
	}
	return text, nil
}

// fieldText is the text of a setting that came as JSON.
func fieldText(f *core.SpaceField, raw json.RawMessage, at string) (string, error) {
	var text string
	var number int64
	var flag bool
	switch f.Type {
	case core.SpaceText:
		if json.Unmarshal(raw, &text) != nil {
			return "", badArgument(at + ": it must be a string")
		}
		return text, nil
	case core.SpaceNumber:
		if json.Unmarshal(raw, &number) != nil || number < 0 {
			return "", badArgument(at + ": it must be a whole number")
		}
		return strconv.FormatInt(number, 10), nil
	case core.SpaceFlag:
		if json.Unmarshal(raw, &flag) != nil {
			return "", badArgument(at + ": it must be true or false")
		}
	}
	return strconv.FormatBool(flag), nil
}

// spaceChange is what a request changes of a space.
func (r *request) spaceChange(row *core.Space, in *v1.UserSpaceChange) (core.SpaceChange, error) {
	c := core.SpaceChange{Name: in.Name, Domain: in.FailureDomain, Weight: in.Weight, State: in.State}
	if in.WorkingDir != nil && *in.WorkingDir != row.WorkingDir {
		return c, badArgument("workingDir: it cannot be changed; make another space and drain this one")
	}
	if in.ShardStore != nil {
		holds := false
		c.NoShards, c.MaxSize = &holds, &in.ShardStore.MaxSize
	}
	if in.Features != nil {
		rows := featureRows(*in.Features)
		c.Features = &rows
	}
	if in.Storage == nil && in.Credential == nil {
		return c, nil
	}
	storage, credential := in.Storage, in.Credential
	kind, err := json.Marshal(row.Kind)
	if err != nil {
		return c, err
	}
	if storage == nil {
		storage = v1.Fields{"type": kind}
	}
	of, cfg, err := r.spaceConfig(storage, credential)
	if err != nil {
		return c, err
	}
	if of != row.Kind {
		return c, badArgument("storage.type: it cannot be changed; make another space and drain this one")
	}
	fields, _ := r.se.SpaceFields(row.Kind)
	c.Learned = make(map[string]string)
	for _, f := range fields {
		if f.Credential || f.Secret {
			continue
		}
		switch value, given := cfg[f.Name]; {
		case !given || value == row.Config[f.Name]:
		case f.Learned:
			c.Learned[f.Name] = value
		default:
			return c, badArgument("storage." + f.Name + ": it cannot be changed; make another space and drain this one")
		}
		delete(cfg, f.Name)
	}
	if credential != nil {
		c.Config = cfg
	}
	return c, nil
}
