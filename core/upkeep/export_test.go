package upkeep

import "context"

// ScrubPage is how many blobs a step of a scrub looks at.
const ScrubPage = scrubPage

// ScrubStep is one step of a pass of the background.
func (r *Runner) ScrubStep(ctx context.Context, deep bool) (more bool, err error) {
	return r.scrubStep(ctx, deep, newPace(r, ScrubOptions{Deep: deep}))
}

// ScrubStepOf is ScrubStep of a deep pass whose pages end after so many bytes.
func (r *Runner) ScrubStepOf(ctx context.Context, bytes int64) (more bool, err error) {
	p := newPace(r, ScrubOptions{Deep: true})
	p.page = bytes
	return r.scrubStep(ctx, true, p)
}

// ScrubFound is what the pass of the background that runs, or ran last, has found.
func (r *Runner) ScrubFound(ctx context.Context, deep bool) (Scrubbed, error) {
	st, _, err := r.scrubState(ctx, deep)
	return st.Found, err
}
