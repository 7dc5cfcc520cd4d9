package s3

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Options are what a process decides for all spaces of these kinds. The zero value is the common case.
type Options struct {
	// Dial, when not nil, makes the connections; it gets the address with its name unresolved. An error of it that
	// wraps drivers.ErrDenied says that the address is not allowed and is not retried: a net.Dialer whose Control
	// returns one refuses addresses after the name was resolved.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// TLS, when not nil, is used for connections to https endpoints.
	TLS *tls.Config
}

// Bounds of connections. The header's covers providers that copy before they answer.
const (
	dialTimeout   = 10 * time.Second
	tlsTimeout    = 10 * time.Second
	headerTimeout = 2 * time.Minute
	stallTimeout  = headerTimeout + 10*time.Second // no byte either way
	idleTimeout   = 30 * time.Second
	maxInFlight   = 64

	maxHeader = 64 << 10
	// maxDocument bounds every answer that is no content, maxError one that is an error: 1,000 keys in an answer are
	// 6 MiB at worst.
	maxDocument = 8 << 20
	maxError    = 64 << 10
)

// newTransport returns the connections of one space: HTTP/1.1, no proxy, nothing unpacked on the way.
func newTransport(opts Options, stall time.Duration) *http.Transport {
	dial := opts.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: dialTimeout}).DialContext
	}
	return &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, dialTimeout)
			defer cancel()
			conn, err := dial(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &stallConn{Conn: conn, stall: stall}, nil
		},
		TLSClientConfig:        opts.TLS.Clone(),
		TLSHandshakeTimeout:    tlsTimeout,
		ResponseHeaderTimeout:  headerTimeout,
		ExpectContinueTimeout:  time.Second,
		IdleConnTimeout:        idleTimeout,
		MaxIdleConns:           maxInFlight,
		MaxIdleConnsPerHost:    maxInFlight,
		MaxResponseHeaderBytes: maxHeader,
		DisableCompression:     true,
		TLSNextProto:           map[string]func(string, *tls.Conn) http.RoundTripper{}, // one connection a transfer
	}
}

// stallConn breaks a connection on which no byte went either way for a while.
type stallConn struct {
	net.Conn
	stall time.Duration
}

func (c *stallConn) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.stall)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

// Write moves the deadline of a Read on its way too: who waits for the answer to a long upload waits for its end.
func (c *stallConn) Write(p []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(c.stall)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// bounded limits the answers that the SDK reads into memory.
type bounded struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	limit := int64(maxDocument)
	switch good := resp.StatusCode/100 == 2; {
	case good && r.URL.Query().Get("x-id") == "GetObject":
		return resp, nil
	case !good:
		limit = maxError
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(resp.Body, limit), resp.Body}
	return resp, nil
}

// newClient returns an SDK client that tries once, follows no redirect, reads nothing from the environment and adds no
// checksum by itself.
func newClient(s settings, transport http.RoundTripper) *s3.Client {
	var creds aws.CredentialsProvider = aws.AnonymousCredentials{}
	if !s.anonymous() {
		creds = credentials.NewStaticCredentialsProvider(s.accessKey, s.secret, s.token)
	}
	return s3.New(s3.Options{
		BaseEndpoint:               aws.String(s.endpoint),
		Region:                     s.region,
		UsePathStyle:               s.pathStyle,
		Credentials:                creds,
		Retryer:                    aws.NopRetryer{},
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
		DisableClockSkewCorrection: true, // a wrong clock is told, not hidden
		DisableLogOutputChecksumValidationSkipped: true,
		HTTPClient: &http.Client{
			Transport: bounded{transport},
			// Where a redirect leads the credentials do not belong.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	})
}

// withHeader adds a header to one request, and signs it.
func withHeader(name, value string) func(*s3.Options) {
	return s3.WithAPIOptions(smithyhttp.AddHeaderValue(name, value))
}

// withPayloadHash tells the SHA-256 of a body in hex, so that signing does not read the body for it.
func withPayloadHash(sum string) func(*s3.Options) {
	return s3.WithAPIOptions(func(stack *middleware.Stack) error {
		return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("TriviumPayloadHash",
			func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (
				middleware.FinalizeOutput, middleware.Metadata, error,
			) {
				return next.HandleFinalize(v4.SetPayloadHash(ctx, sum), in)
			}), "ComputePayloadHash", middleware.Before)
	})
}

// withContentMD5 sends Content-MD5, which every provider knows, in the place of the SDK's own checksum.
func withContentMD5(o *s3.Options) {
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		for _, step := range []struct {
			remove func(string) (any, error)
			id     string
		}{
			{func(id string) (any, error) { return stack.Initialize.Remove(id) }, "AWSChecksum:SetupInputContext"},
			{func(id string) (any, error) { return stack.Finalize.Remove(id) }, "AWSChecksum:ComputeInputPayloadChecksum"},
		} {
			if _, err := step.remove(step.id); err != nil {
				return err
			}
		}
		return smithyhttp.AddContentChecksumMiddleware(stack)
	})
}
