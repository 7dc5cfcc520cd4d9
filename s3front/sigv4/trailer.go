package sigv4

import (
	"bytes"
	"crypto/subtle"
	"io"
	"slices"
	"strings"
)

const (
	trailerSignature = "x-amz-trailer-signature"
	maxTrailer       = 16 << 10
	// Clients end a trailer line by CR LF or by LF CR LF, and the section by one or two empty lines.
	maxEmptyLines = 4
)

// readTrailer reads the section behind the final chunk up to the end of the body: exactly the announced names,
// then, where chunks are signed, the signature over them.
func (c *ChunkReader) readTrailer() error {
	section, err := io.ReadAll(io.LimitReader(c.src, maxTrailer+1))
	if err != nil {
		return cut(err)
	}
	if len(section) > maxTrailer {
		return refuse(BadTrailer, "The trailers are longer than %d bytes.", maxTrailer)
	}
	if !bytes.HasSuffix(section, []byte("\r\n\r\n")) && string(section) != "\r\n" {
		return refuse(Truncated, "The body ended in the middle of its trailers.")
	}
	signature, err := c.parseTrailer(string(section[:len(section)-2]))
	if err != nil {
		return err
	}
	if len(c.trailer) != len(c.announced) {
		return refuse(BadTrailer, "The body has %d trailers, x-amz-trailer announces %d.", len(c.trailer), len(c.announced))
	}
	if c.sig == nil {
		return nil
	}
	var canonical []byte
	for _, t := range c.trailer {
		canonical = append(canonical, t.Name+":"+t.Value+"\n"...)
	}
	want := c.sig.trailer(canonical)
	if subtle.ConstantTimeCompare(want[:], []byte(signature)) != 1 {
		return refuse(ChunkMismatch, "The signature of the trailers does not match.")
	}
	return nil
}

// parseTrailer keeps the trailers and returns the signature, which must be the last.
func (c *ChunkReader) parseTrailer(section string) (signature string, err error) {
	empty := 0
	for line := range strings.SplitSeq(section, "\n") {
		line = strings.TrimSuffix(line, "\r")
		if line == "" {
			if empty++; empty > maxEmptyLines {
				return "", refuse(BadTrailer, "There are bytes behind the trailers.")
			}
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		name, value = strings.ToLower(strings.Trim(name, " ")), strings.Trim(value, " ")
		switch {
		case !ok || signature != "":
			return "", refuse(BadTrailer, "The trailers are malformed.")
		case name == trailerSignature && c.sig != nil:
			signature = value
		case !slices.Contains(c.announced, name):
			return "", refuse(BadTrailer, "The trailer %q was not announced by x-amz-trailer.", name)
		case c.trailer.Has(name):
			return "", refuse(BadTrailer, "The trailer %q is repeated.", name)
		default:
			c.trailer = append(c.trailer, Param{Name: name, Value: value})
		}
	}
	return signature, nil
}
