package core

import (
	"strconv"
	"testing"
)

func TestLimitedIsBounded(t *testing.T) {
	var l limited[string, int]
	if _, ok := l.get("x"); ok {
		t.Error("an empty map has x")
	}
	for i := range 3 * cacheLimit {
		l.put(strconv.Itoa(i), i)
		if v, ok := l.get(strconv.Itoa(i)); !ok || v != i {
			t.Fatalf("get of what was just put = %d, %v", v, ok)
		}
	}
	if len(l.m) != cacheLimit {
		t.Errorf("%d values are kept, want %d", len(l.m), cacheLimit)
	}
}

func TestDocumentsAreBounded(t *testing.T) {
	var d documents
	long := make([]byte, maxDoc)
	for i := range int64(100) {
		d.put(docName{i, "x"}, long)
		if _, ok := d.get(docName{i, "x"}); !ok {
			t.Fatalf("document %d is not there after it was put", i)
		}
	}
	if want := documentsLimit / documentSize(long); len(d.m) != want {
		t.Errorf("%d documents of 1 MiB are kept, want %d", len(d.m), want)
	}
	for i := range int64(200_000) {
		d.put(docName{i, "x"}, nil)
	}
	if want := documentsLimit / documentSize(nil); len(d.m) != want {
		t.Errorf("it is kept of %d that they are not there, want %d", len(d.m), want)
	}
	d.put(docName{1, "y"}, []byte("first"))
	d.put(docName{1, "y"}, []byte("second"))
	sum := 0
	for _, body := range d.m {
		sum += documentSize(body)
	}
	if d.bytes != sum {
		t.Errorf("%d bytes are counted, want %d", d.bytes, sum)
	}
}

// What a loader read before a change must not be served after it, however late it is put.
func TestStaleLoadIsNotServed(t *testing.T) {
	var c cache
	c.reset(1)
	gen := c.current()
	c.advance(2)
	gen.users.put("alice", User{ID: 1})
	if _, ok := c.current().users.get("alice"); ok {
		t.Error("a row of epoch 1 is served in epoch 2")
	}
	now := c.current()
	c.advance(2)
	c.advance(1)
	if c.current() != now {
		t.Error("an epoch that is known already dropped the cache")
	}
}

func TestTurnReadOnlyKeepsTheFirstReason(t *testing.T) {
	s := newService(Config{})
	if err := s.checkMarkers(); err != nil {
		t.Fatalf("checkMarkers = %v, want nil", err)
	}
	s.turnReadOnly(&Error{Code: ReadOnly, Msg: "first"})
	s.turnReadOnly(&Error{Code: ReadOnly, Msg: "second"})
	if err := s.checkMarkers(); CodeOf(err) != ReadOnly || err.Error() != "first" {
		t.Errorf("checkMarkers = %v, want first", err)
	}
}
