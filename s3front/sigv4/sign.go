package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Signer makes signatures for one key. The zero Service is "s3", the zero Region "us-east-1".
type Signer struct {
	AccessKey, Secret string
	Region, Service   string
}

func (s *Signer) claim(at time.Time) claim {
	c := claim{accessKey: s.AccessKey, region: s.Region, service: s.Service, time: at.UTC()}
	if c.region == "" {
		c.region = "us-east-1"
	}
	if c.service == "" {
		c.service = "s3"
	}
	c.stamp = c.time.Format(timeFormat)
	c.date = c.stamp[:8]
	c.scope = c.date + "/" + c.region + "/" + c.service + "/" + terminator
	return c
}

// Sign adds X-Amz-Date, X-Amz-Content-Sha256 and Authorization to r. payload is the hex SHA-256 of the body or
// one of the words. All headers but User-Agent, Expect and Accept-Encoding, which transports change, are
// signed. The Auth it returns encodes an aws-chunked body that fits the request.
func (s *Signer) Sign(r *http.Request, payload string, at time.Time) (Auth, error) {
	c := s.claim(at)
	r.Header.Del("Authorization")
	r.Header.Set("X-Amz-Date", c.stamp)
	r.Header.Set("X-Amz-Content-Sha256", payload)
	c.signed = signedNames(r)
	q, err := ParseQuery(r.URL.RawQuery)
	if err != nil {
		return Auth{}, err
	}
	a, err := s.finish(r, q, &c, payload)
	if err != nil {
		return Auth{}, err
	}
	r.Header.Set("Authorization", algorithm+" Credential="+s.AccessKey+"/"+c.scope+
		",SignedHeaders="+c.signed+",Signature="+a.seed)
	return a, nil
}

// Presign adds the X-Amz-* parameters to r's query: whoever has the URL can make this request, with the
// headers r carries now and any body, until expires (1 s to 7 days, whole seconds) after at.
func (s *Signer) Presign(r *http.Request, expires time.Duration, at time.Time) error {
	c := s.claim(at)
	c.signed = signedNames(r)
	q, err := ParseQuery(r.URL.RawQuery)
	if err != nil {
		return err
	}
	q = append(q, Param{Name: paramAlgorithm, Value: algorithm}, Param{Name: paramKey, Value: s.AccessKey + "/" + c.scope},
		Param{Name: paramDate, Value: c.stamp}, Param{Name: paramExpires, Value: strconv.FormatInt(int64(expires/time.Second), 10)},
		Param{Name: paramSigned, Value: c.signed})
	payload := r.Header.Get("X-Amz-Content-Sha256")
	if payload == "" {
		payload = UnsignedPayload
	}
	a, err := s.finish(r, q, &c, payload)
	if err != nil {
		return err
	}
	r.URL.RawQuery = string(appendQuery(nil, q)) + "&" + paramSignature + "=" + a.seed
	return nil
}

// finish computes the signature.
func (s *Signer) finish(r *http.Request, q Query, c *claim, payload string) (Auth, error) {
	// A client's request may have its host in the URL alone; a server's never does.
	if r.Host == "" {
		r.Host = r.URL.Host
	}
	canonical, err := appendCanonical(nil, r, q, canonicalParts{host: r.Host, signed: c.signed, payload: payload})
	if err != nil {
		return Auth{}, err
	}
	a := Auth{AccessKey: s.AccessKey, Region: c.region, stamp: c.stamp, scope: c.scope}
	a.key = signingKey(s.Secret, c.date, c.region, c.service)
	sum := sha256.Sum256(canonical)
	signature := sign(&a.key, hex.AppendEncode(appendStringToSign(appendPad(nil), algorithm, c.stamp, c.scope), sum[:]))
	a.seed = string(signature[:])
	return a, nil
}

func signedNames(r *http.Request) string {
	names := []string{"host"}
	for name := range r.Header {
		switch name = strings.ToLower(name); name {
		case "user-agent", "expect", "accept-encoding", "host", "connection":
		default:
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ";")
}

// Encode returns data in the aws-chunked form of payload, in chunks of size bytes, with the trailers. a is
// what Sign returned for the request.
func (a *Auth) Encode(data []byte, payload Payload, size int, trailers []Param) []byte {
	var sig *chain
	if payload != StreamUnsignedTrailer {
		sig = &chain{key: a.key, stamp: a.stamp, scope: a.scope, hash: sha256.New()}
		copy(sig.last[:], a.seed)
	}
	var out []byte
	for len(data) > 0 {
		n := min(size, len(data))
		out = append(appendChunk(out, sig, data[:n]), "\r\n"...)
		data = data[n:]
	}
	out = appendChunk(out, sig, nil)
	var canonical []byte
	for _, t := range trailers {
		canonical = append(canonical, t.Name+":"+t.Value+"\n"...)
		out = append(out, t.Name+":"+t.Value+"\r\n"...)
	}
	if payload == StreamSignedTrailer {
		signature := sig.trailer(canonical)
		out = append(out, trailerSignature+":"...)
		out = append(append(out, signature[:]...), "\r\n"...)
	}
	return append(out, "\r\n"...)
}

func appendChunk(out []byte, sig *chain, data []byte) []byte {
	out = strconv.AppendInt(out, int64(len(data)), 16)
	if sig != nil {
		sig.hash.Write(data)
		signature := sig.next()
		out = append(append(out, chunkSignature...), signature[:]...)
	}
	return append(append(out, "\r\n"...), data...)
}
