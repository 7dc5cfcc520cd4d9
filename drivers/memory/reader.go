package memory

import "bytes"

// reader reads content that never changes. It needs no closing.
type reader struct {
	bytes.Reader
}

func newReader(content []byte) *reader {
	r := &reader{}
	r.Reset(content)
	return r
}

// Close implements io.Closer.
func (r *reader) Close() error { return nil }
