package shardfile_test

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/minio/crc64nvme"
	"pgregory.net/rapid"

	"trivium/core/shardfile"
)

func TestHeaderRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawHeader(t)
		b, err := shardfile.AppendHeader([]byte("before"), want)
		if err != nil {
			t.Fatalf("AppendHeader(%+v): %v", want, err)
		}
		if len(b) != 6+shardfile.HeaderSize || string(b[:6]) != "before" {
			t.Fatalf("AppendHeader made %d bytes, want %d after those before", len(b), shardfile.HeaderSize)
		}
		got, err := shardfile.ParseHeader(append(b[6:], "block"...))
		if err != nil || got != want {
			t.Fatalf("ParseHeader = %+v, %v\nwant %+v", got, err, want)
		}
	})
}

func TestHeaderRefusesWhatNoWriterMakes(t *testing.T) {
	plain := goldens()[0].header
	coded := goldens()[1].header
	lrc := lrcHeader()
	tests := map[string]struct {
		of     shardfile.Header
		change func(*shardfile.Header)
	}{
		"no data shards":          {coded, func(h *shardfile.Header) { h.K = 0 }},
		"fewer shards than data":  {coded, func(h *shardfile.Header) { h.K = 4 }},
		"too many shards":         {coded, func(h *shardfile.Header) { h.N = shardfile.MaxShards + 1 }},
		"index n":                 {coded, func(h *shardfile.Header) { h.Index = h.N }},
		"no parity":               {coded, func(h *shardfile.Header) { h.N, h.Index = h.K, 0 }},
		"no scheme":               {coded, func(h *shardfile.Header) { h.Scheme = 0 }},
		"unknown scheme":          {coded, func(h *shardfile.Header) { h.Scheme = 4 }},
		"copies of two":           {coded, func(h *shardfile.Header) { h.Scheme = shardfile.Copies }},
		"groups without lrc":      {coded, func(h *shardfile.Header) { h.Groups[0] = 2 }},
		"copies with groups":      {plain, func(h *shardfile.Header) { h.Groups[0] = 1 }},
		"no block":                {plain, func(h *shardfile.Header) { h.Block = 0 }},
		"great block":             {plain, func(h *shardfile.Header) { h.Block = shardfile.MaxBlock + 1 }},
		"no length":               {plain, func(h *shardfile.Header) { h.Length = 0 }},
		"great length":            {plain, func(h *shardfile.Header) { h.Length = shardfile.MaxSegment + 1 }},
		"length beyond int64":     {plain, func(h *shardfile.Header) { h.Length = 1<<63 + 1 }},
		"odd overhead":            {plain, func(h *shardfile.Header) { h.KeyID, h.Overhead = 1, 15 }},
		"key without overhead":    {plain, func(h *shardfile.Header) { h.KeyID = 1 }},
		"overhead without key":    {plain, func(h *shardfile.Header) { h.Overhead = shardfile.SealedOverhead }},
		"lrc without groups":      {lrc, func(h *shardfile.Header) { h.Groups = [shardfile.MaxGroups]uint8{} }},
		"lrc groups not adding":   {lrc, func(h *shardfile.Header) { h.Groups[1] = 3 }},
		"lrc without global":      {lrc, func(h *shardfile.Header) { h.N = 6 }},
		"lrc groups after a zero": {lrc, func(h *shardfile.Header) { h.Groups[3] = 1 }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h := test.of
			test.change(&h)
			if b, err := shardfile.AppendHeader([]byte("x"), h); err == nil || string(b) != "x" {
				t.Errorf("AppendHeader = %d bytes, %v, want an error and dst unchanged", len(b), err)
			}
		})
	}
}

// TestHeaderCraftedBytes forges the checksum, so that only the other checks can refuse.
func TestHeaderCraftedBytes(t *testing.T) {
	tests := []struct {
		name  string
		craft func(b []byte) []byte
		want  error
	}{
		{"intact", func(b []byte) []byte { return b }, nil},
		{"longer", func(b []byte) []byte { return append(b, 1, 2, 3) }, nil},
		{"empty", func(b []byte) []byte { return b[:0] }, shardfile.ErrDamaged},
		{"within the magic", func(b []byte) []byte { return b[:5] }, shardfile.ErrDamaged},
		{"cut", func(b []byte) []byte { return b[:127] }, shardfile.ErrDamaged},
		{"other file", func([]byte) []byte { return []byte("PK\x03\x04 and so on") }, shardfile.ErrForeign},
		{"zeros", func([]byte) []byte { return make([]byte, 200) }, shardfile.ErrForeign},
		{"magic", func(b []byte) []byte { b[7] = 'd'; return forge(b) }, shardfile.ErrForeign},
		{"version 0", func(b []byte) []byte { b[9] = 0; return forge(b) }, shardfile.ErrDamaged},
		{"version 2", func(b []byte) []byte { b[9] = 2; return forge(b) }, shardfile.ErrVersion},
		{"version 256", func(b []byte) []byte { b[8] = 1; return forge(b) }, shardfile.ErrVersion},
		{"version by damage", func(b []byte) []byte { b[9] = 2; return b }, shardfile.ErrDamaged},
		{"count of groups", func(b []byte) []byte { b[71] = 1; return forge(b) }, shardfile.ErrDamaged},
		{"first reserved", func(b []byte) []byte { b[96] = 1; return forge(b) }, shardfile.ErrDamaged},
		{"last reserved", func(b []byte) []byte { b[119] = 1; return forge(b) }, shardfile.ErrDamaged},
		{"length 0", func(b []byte) []byte { clear(b[72:80]); return forge(b) }, shardfile.ErrDamaged},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b, err := shardfile.AppendHeader(nil, goldens()[0].header)
			if err != nil {
				t.Fatal(err)
			}
			h, err := shardfile.ParseHeader(test.craft(b))
			if !errors.Is(err, test.want) {
				t.Errorf("ParseHeader: %v, want %v", err, test.want)
			}
			if err != nil && h != (shardfile.Header{}) {
				t.Errorf("ParseHeader = %+v beside an error", h)
			}
		})
	}
}

func TestHeaderNamesNewerVersion(t *testing.T) {
	b, err := shardfile.AppendHeader(nil, goldens()[0].header)
	if err != nil {
		t.Fatal(err)
	}
	b[9] = 7
	_, err = shardfile.ParseHeader(forge(b))
	if diff := cmp.Diff("shard of a newer format: 7, newest known is 1", err.Error()); diff != "" {
		t.Error(diff)
	}
}

func FuzzParseHeader(f *testing.F) {
	for _, g := range goldens() {
		b, err := shardfile.AppendHeader(nil, g.header)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, false)
		f.Add(b[:100], true)
	}
	f.Fuzz(func(t *testing.T, b []byte, forged bool) {
		if forged && len(b) >= shardfile.HeaderSize { // else no input would get past the checksum
			b = forge(append([]byte(nil), b...))
		}
		h, err := shardfile.ParseHeader(b)
		if err != nil {
			known := errors.Is(err, shardfile.ErrForeign) || errors.Is(err, shardfile.ErrVersion) ||
				errors.Is(err, shardfile.ErrDamaged)
			if !known {
				t.Fatalf("ParseHeader: untyped error %v", err)
			}
			return
		}
		again, err := shardfile.AppendHeader(nil, h)
		if err != nil {
			t.Fatalf("AppendHeader of an accepted header: %v", err)
		}
		if diff := cmp.Diff(b[:shardfile.HeaderSize], again); diff != "" {
			t.Fatalf("an accepted header does not encode to its bytes: %s", diff)
		}
		if g := h.Geometry(); g.Validate() != nil || g.ShardSize() <= shardfile.HeaderSize {
			t.Fatalf("accepted header has geometry %+v, %d bytes", g, g.ShardSize())
		}
	})
}

// forge makes the checksum of a header right again.
func forge(b []byte) []byte {
	binary.BigEndian.PutUint64(b[120:], crc64nvme.Checksum(b[:120]))
	return b
}

func lrcHeader() shardfile.Header {
	return shardfile.Header{
		Scheme: shardfile.LRC, K: 4, N: 8, Groups: [shardfile.MaxGroups]uint8{2, 2}, Block: 8, Length: 100,
	}
}

func drawHeader(t *rapid.T) shardfile.Header {
	h := shardfile.Header{
		Identity: drawIdentity(t),
		Scheme:   rapid.SampledFrom([]shardfile.Scheme{1, 2, 3}).Draw(t, "scheme"),
		K:        1,
		N:        1 + uint16(rapid.IntRange(0, 9).Draw(t, "copies")),
		Encoding: rapid.Uint32().Draw(t, "encoding"),
		Block:    rapid.Uint32Range(1, shardfile.MaxBlock).Draw(t, "block"),
		Length:   rapid.Uint64Range(1, shardfile.MaxSegment).Draw(t, "length"),
	}
	copy(h.Store[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "store"))
	if rapid.Bool().Draw(t, "sealed") {
		h.KeyID, h.Overhead = rapid.Uint32Range(1, 1<<32-1).Draw(t, "key"), shardfile.SealedOverhead
	}
	switch h.Scheme {
	case shardfile.ReedSolomon:
		h.K = rapid.Uint16Range(1, 200).Draw(t, "k")
		h.N = rapid.Uint16Range(h.K+1, shardfile.MaxShards).Draw(t, "n")
	case shardfile.LRC:
		sizes := rapid.SliceOfN(rapid.Uint8Range(1, 10), 1, shardfile.MaxGroups).Draw(t, "groups")
		h.K = 0
		for i, size := range sizes {
			h.Groups[i] = size
			h.K += uint16(size)
		}
		h.N = h.K + uint16(len(sizes)) + rapid.Uint16Range(1, 20).Draw(t, "global")
	case shardfile.Copies:
	}
	h.Index = rapid.Uint16Range(0, h.N-1).Draw(t, "index")
	return h
}

func drawIdentity(t *rapid.T) shardfile.Identity {
	id := shardfile.Identity{
		Generation: rapid.Uint32().Draw(t, "generation"),
		Segment:    rapid.Uint32().Draw(t, "segment"),
		Index:      rapid.Uint16().Draw(t, "shard"),
	}
	copy(id.Blob[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "blob"))
	return id
}
