package shardfile_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/minio/crc64nvme"

	"trivium/core/shardfile"
)

var update = flag.Bool("update", false, "write the golden files in testdata")

// golden is a shard whose bytes are pinned. The blocks are counted bytes: what a code or a cipher makes of
// data is no business of this format.
type golden struct {
	name   string
	header shardfile.Header
}

func goldens() []golden {
	id := shardfile.Identity{
		Blob:       [16]byte{0xb1, 0x0b, 2, 3, 4, 5, 6, 7, 0, 0, 0, 0, 0, 0, 0x30, 0x39},
		Segment:    3,
		Generation: 1,
	}
	parity := id
	parity.Index, parity.Generation = 2, 5
	store := [16]byte{0x57, 0x0e, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n'}
	return []golden{
		{"plain-1-of-1", shardfile.Header{
			Identity: id, Store: store, Scheme: shardfile.Copies, K: 1, N: 1, Encoding: 1, Block: 64, Length: 40,
		}},
		{"parity-2-of-3", shardfile.Header{
			Identity: parity, Store: store, Scheme: shardfile.ReedSolomon, K: 2, N: 3, Encoding: 1, Block: 16,
			Length: 2*2*16 + 7,
		}},
		{"sealed-4-of-6", shardfile.Header{
			Identity: id, Store: store, Scheme: shardfile.ReedSolomon, K: 4, N: 6, KeyID: 0x01020304, Encoding: 9,
			Block: 32, Overhead: shardfile.SealedOverhead, Length: 4*32 + 1,
		}},
	}
}

// file returns the bytes of the shard, written as core/content writes them.
func (g golden) file(t testing.TB) []byte {
	t.Helper()
	b, err := shardfile.AppendHeader(nil, g.header)
	if err != nil {
		t.Fatalf("AppendHeader: %v", err)
	}
	geo := g.header.Geometry()
	for stripe := range geo.Stripes() {
		block := make([]byte, geo.StoredLen(stripe))
		for i := range block {
			block[i] = byte(stripe*100 + i)
		}
		b = append(b, block...)
		b = g.header.AppendChecksum(b, uint32(stripe), block)
	}
	return b
}

func TestGoldenFiles(t *testing.T) {
	for _, g := range goldens() {
		t.Run(g.name, func(t *testing.T) {
			path := filepath.Join("testdata", g.name+".shard")
			got := g.file(t)
			if *update {
				if err := os.WriteFile(path, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s: wrote\n%x, want\n%x", path, got, want)
			}
			if err := read(want, g.header); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		})
	}
}

// TestEveryFlippedByteIsRefused changes each byte of each golden shard in every way.
func TestEveryFlippedByteIsRefused(t *testing.T) {
	for _, g := range goldens() {
		file := g.file(t)
		for at := range file {
			for flip := 1; flip < 256; flip++ {
				file[at] ^= byte(flip)
				if err := read(file, g.header); err == nil {
					t.Fatalf("%s: byte %d changed by %#x is accepted", g.name, at, flip)
				}
				if _, err := shardfile.ParseHeader(file); at < shardfile.HeaderSize && err == nil {
					t.Fatalf("%s: header byte %d changed by %#x is parsed", g.name, at, flip)
				}
				file[at] ^= byte(flip)
			}
		}
	}
}

// TestBlocksOfOtherPlacesAreRefused: valid bytes at the wrong place are as bad as damage.
func TestBlocksOfOtherPlacesAreRefused(t *testing.T) {
	g := goldens()[1]
	file := g.file(t)
	geo := g.header.Geometry()
	block := file[geo.Offset(0) : geo.Offset(0)+int64(geo.FramedLen(0))]
	id := g.header.Identity
	sum, ok := id.VerifyBlock(0, block)
	if !ok || sum != id.Checksum(0, block[:len(block)-shardfile.ChecksumSize]) {
		t.Fatalf("VerifyBlock = %x, %t, want the block's checksum", sum, ok)
	}
	places := map[string]func(*shardfile.Identity){
		"older generation": func(id *shardfile.Identity) { id.Generation-- },
		"other segment":    func(id *shardfile.Identity) { id.Segment++ },
		"other shard":      func(id *shardfile.Identity) { id.Index-- },
		"next blob":        func(id *shardfile.Identity) { id.Blob[15]++ },
		"other process":    func(id *shardfile.Identity) { id.Blob[0]++ },
	}
	for name, move := range places {
		other := id
		move(&other)
		if _, ok := other.VerifyBlock(0, block); ok {
			t.Errorf("%s: block is accepted", name)
		}
	}
	if _, ok := id.VerifyBlock(1, block); ok {
		t.Error("block 0 is accepted as block 1")
	}
	for n := range shardfile.ChecksumSize + 1 {
		if _, ok := id.VerifyBlock(0, block[:n]); ok {
			t.Errorf("%d bytes are accepted as a block", n)
		}
	}
}

func BenchmarkVerifyBlock(b *testing.B) {
	var id shardfile.Identity
	data := make([]byte, shardfile.MaxBlock)
	framed := id.AppendChecksum(data, 0, data)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, ok := id.VerifyBlock(0, framed); !ok {
			b.Fatal("refused")
		}
	}
}

func BenchmarkPlainCRC(b *testing.B) {
	data := make([]byte, shardfile.MaxBlock)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		crc64nvme.Checksum(data)
	}
}

// read takes a shard apart as a reader does that looks for the shard of want.
func read(file []byte, want shardfile.Header) error {
	h, err := shardfile.ParseHeader(file)
	if err != nil {
		return err
	}
	if h != want {
		return errors.New("header of another shard")
	}
	geo := h.Geometry()
	if geo.ShardSize() != int64(len(file)) {
		return errors.New("wrong size")
	}
	for stripe := range geo.Stripes() {
		framed := file[geo.Offset(stripe):geo.Offset(stripe+1)]
		if len(framed) != geo.FramedLen(stripe) {
			return errors.New("wrong block size")
		}
		if _, ok := want.VerifyBlock(uint32(stripe), framed); !ok {
			return errors.New("damaged block")
		}
	}
	return nil
}
