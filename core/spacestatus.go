package core

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"trivium/core/content"
	"trivium/drivers"
)

// SpaceStatus is how a space is doing.
type SpaceStatus struct {
	State   string // ok, error, unknown
	Message string // why it is not ok; "" otherwise
	Usage   Usage  // Objects are shards
	Latency time.Duration
	Checked time.Time // when it was tried; zero: it was not
}

// SpaceStatus tries whether a space takes files, at most for a few seconds and not more often than once in a while.
// Errors: those of Space.
func (se *Session) SpaceStatus(ctx context.Context, id content.SpaceID) (SpaceStatus, error) {
	st := SpaceStatus{State: "unknown", Message: "the space was not tried yet"}
	row, err := se.spaceRow(ctx, id)
	if err != nil {
		return st, err
	}
	err = se.s.view(ctx, func(ctx context.Context, tx MetaTx) error {
		st.Usage, err = SpaceUsage(ctx, tx, id)
		return err
	})
	if err != nil {
		return st, fail("space status", row.Name, err)
	}
	sp, ok := se.s.spaces.Get(id)
	switch {
	case !ok:
		return st, nil
	case sp.Driver == nil:
		if why := se.s.opened.why(id); why != nil {
			st.State, st.Message = "error", explainSpace(why)
		}
		return st, nil
	}
	st.judge(se.s.takesFiles(ctx, []content.Space{sp}), se.s.probes.known(id))
	return st, nil
}

// judge fills in what a probe has found; failed is why the space takes no files.
func (st *SpaceStatus) judge(failed error, p probe) {
	if !p.over() {
		st.Message = "the space has not answered yet"
		return
	}
	st.Checked, st.Latency = p.end.UTC(), p.end.Sub(p.start)
	if failed = orErr(p.err, failed); failed != nil {
		st.State, st.Message = "error", explainSpace(failed)
		return
	}
	st.State, st.Message = "ok", ""
}

// why is why a space has no driver; nil: it was not tried.
func (o *openSpaces) why(id content.SpaceID) error {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.failed[id]
}

// SpaceTest describes a space that TestSpace tries. With ID, HiddenSecret stands for that space's own.
type SpaceTest struct {
	ID         content.SpaceID
	Kind       string
	Config     drivers.Config
	WorkingDir string
}

// TestSpace tries a space: it connects, writes a probe below the working directory, reads it, finds it in a list and
// removes it, in at most 30 s. Nothing else is touched. Errors: those of CreateSpace; Unavailable with the cause in words.
func (se *Session) TestSpace(ctx context.Context, t SpaceTest) error {
	if err := se.requireUser(se.p.UserID); err != nil {
		return err
	}
	kind, err := se.kind(t.Kind)
	if err != nil {
		return err
	}
	cfg := filledConfig(&kind, t.Config, int64(t.ID))
	if t.ID != 0 {
		if err := se.keptSecrets(ctx, t.ID, &kind, cfg); err != nil {
			return err
		}
	}
	if err := (SpaceChange{}).checkWith(t.WorkingDir); err != nil {
		return err
	}
	if err := checkConfig(&kind, cfg); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, testPatience)
	defer cancel()
	t.Config = cfg
	if err := tryOut(ctx, &kind, &t, se.s.claimOf(t.ID)); err != nil {
		return &Error{Code: Unavailable, Op: "test space", Msg: explainSpace(err), Err: err}
	}
	return nil
}

// keptSecrets puts what a space keeps in the place of HiddenSecret.
func (se *Session) keptSecrets(ctx context.Context, id content.SpaceID, kind *drivers.Kind, cfg drivers.Config) error {
	row, err := se.spaceRow(ctx, id)
	if err != nil {
		return err
	}
	kept, err := se.s.openConfig(&row)
	if err != nil {
		return err
	}
	// Or the secret would be sent to wherever the caller says.
	for _, f := range kind.Fields {
		if !f.Credential && !f.Secret && cfg[f.Name] != kept[f.Name] || row.Kind != kind.Name {
			return Errorf(BadArgument, row.Name, "storage: %q stands for secrets of the space as it is; give them to test another one", HiddenSecret)
		}
	}
	for _, name := range kind.Secrets() {
		if cfg[name] == HiddenSecret {
			cfg[name] = kept[name]
		}
	}
	return nil
}

// tryOut opens a space and tries it.
func tryOut(ctx context.Context, kind *drivers.Kind, t *SpaceTest, c content.Claim) (err error) {
	d, err := kind.Open(ctx, "test", t.Config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	sp := content.Space{ID: t.ID, Driver: d, WorkingDir: t.WorkingDir}
	if _, err := content.CheckMarker(ctx, sp, c); err != nil && !errors.Is(err, drivers.ErrNotExist) {
		return err
	}
	name := content.TestName(t.WorkingDir)
	text := "written to see whether this space takes files\n"
	if err := d.Put(ctx, name, strings.NewReader(text), int64(len(text)), drivers.PutOptions{}); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	if err := readBack(ctx, d, name, text); err != nil {
		return errors.Join(err, d.Delete(ctx, name))
	}
	if err := d.Delete(ctx, name); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	if _, err := d.Stat(ctx, name); !errors.Is(err, drivers.ErrNotExist) {
		return fmt.Errorf("delete: the file is still there: %w", orErr(err, drivers.ErrBroken))
	}
	return nil
}

// readBack reads a probe and looks for it in a list.
func readBack(ctx context.Context, d drivers.Driver, name, text string) error {
	rc, err := d.Open(ctx, name, 0, -1)
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	got, err := io.ReadAll(io.LimitReader(rc, 1<<10))
	if err := errors.Join(err, rc.Close()); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	if string(got) != text {
		return fmt.Errorf("read: other bytes come back than were written: %w", drivers.ErrBroken)
	}
	dir, _, _ := cutLast(name)
	for info, err := range d.List(ctx, dir, drivers.ListOptions{}) {
		if err != nil {
			return fmt.Errorf("list: %w", err)
		}
		if info.Name == name || d.Traits().StaleLists {
			return nil
		}
	}
	if d.Traits().StaleLists {
		return nil
	}
	return fmt.Errorf("list: the file that was written is not shown: %w", drivers.ErrBroken)
}

// cutLast cuts a name before its last slash; without one the first part is empty.
func cutLast(name string) (dir, base string, found bool) {
	i := strings.LastIndexByte(name, '/')
	return name[:max(0, i)], name[i+1:], i >= 0
}

// explainSpace says in words why a space does not work.
func explainSpace(err error) string {
	var me *content.MarkerError
	switch {
	case errors.As(err, &me):
		return me.Err.Error() + ": give it a workingDir of its own"
	case errors.Is(err, context.DeadlineExceeded):
		return "the space does not answer in time: " + plainError(err)
	}
	return plainError(err)
}

// plainError is the text of an error on one line of bounded length.
func plainError(err error) string {
	const most = 500
	text := strings.Join(strings.Fields(err.Error()), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
