package s3

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"trivium/drivers"
)

// textOf returns an error that wraps the sentinel and says more.
func textOf(sentinel error, format string, args ...any) error {
	return fmt.Errorf("%w: %s", sentinel, fmt.Sprintf(format, args...))
}

// codeOf returns the code of an error that the service answered, "" where it is none.
func codeOf(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}

// answerOf returns the answer that came with an error, nil where none did.
func answerOf(err error) *smithyhttp.Response {
	if e, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		return e.Response
	}
	return nil
}

// statusOf returns the status that came with an error, 0 where none did.
func statusOf(err error) int {
	if resp := answerOf(err); resp != nil && resp.Response != nil {
		return resp.StatusCode
	}
	return 0
}

// fail makes err what the driver returns.
func (d *Driver) fail(ctx context.Context, op, name string, err error) error {
	if err == nil {
		return nil
	}
	return drivers.Fail(d.space, op, name, d.classify(ctx, op, err))
}

// classify gives an error the sentinel that it means and says in words what is wrong and what to do. It is the one place
// where that is decided. What the SDK made is not wrapped: its text may have the address of a proxy, a header or a
// token in it, and its chain errors that pass for ctx's.
func (d *Driver) classify(ctx context.Context, op string, err error) error {
	if ended := ended(ctx); ended != nil {
		return ended
	}
	// The SDK wraps what Dial and a body returned.
	if s := drivers.Sentinel(err); s != nil && !errors.Is(s, context.Canceled) && !errors.Is(s, context.DeadlineExceeded) {
		if codeOf(err) == "" && statusOf(err) == 0 {
			return d.own(s, err)
		}
	}
	r := refusal{set: d.set, op: op, code: codeOf(err), status: statusOf(err)}
	if resp := answerOf(err); resp != nil && resp.Response != nil {
		r.header = resp.Header
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		r.message = api.ErrorMessage()
	}
	m := r.meaning()
	if m.sentinel == nil {
		m = d.connection(err)
	}
	return textOf(m.sentinel, "%s", d.scrub(m.text))
}

// own keeps an error that has its sentinel already, without what the SDK and net/http put around it.
func (d *Driver) own(sentinel, err error) error {
	if !sending(err) {
		return err
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Err != nil {
		err = op.Err
	}
	return textOf(sentinel, "%s", d.scrub(strings.TrimPrefix(err.Error(), sentinel.Error()+": ")))
}

// ended returns ctx's error if ctx has ended. A dialer gives up at ctx's deadline, which may be a moment before ctx
// does.
func ended(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return nil
}

// maxText bounds what is told of a service's own words.
const maxText = 300

// scrub takes the secrets out of a text, which a service may have repeated, and cuts it.
func (d *Driver) scrub(text string) string {
	for _, secret := range []string{d.set.secret, d.set.token} {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "******")
		}
	}
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	if len(text) > 2*maxText {
		text = strings.ToValidUTF8(text[:2*maxText], "") + "..."
	}
	return text
}

// refusal is what a service answered to a request that it did not do.
type refusal struct {
	set     settings
	op      string
	code    string
	message string
	status  int
	header  http.Header
}

// says quotes the service.
func (r refusal) says() string {
	message := r.message
	if len(message) > maxText {
		message = strings.ToValidUTF8(message[:maxText], "") + "..."
	}
	switch {
	case r.code == "" && message == "":
		return fmt.Sprintf("(%d)", r.status)
	case message == "" || message == r.code:
		return fmt.Sprintf("(%d %s)", r.status, r.code)
	}
	return fmt.Sprintf("(%d %s: %s)", r.status, r.code, message)
}

// meaning is a sentinel and what it is about, in words.
type meaning struct {
	sentinel error
	text     string
}

// meaning returns what the refusal means; no sentinel if no service refused anything.
func (r refusal) meaning() meaning {
	m := r.byCode()
	if m.sentinel == nil {
		m = r.byStatus()
	}
	if m.sentinel != nil {
		m.text += " " + r.says()
	}
	return m
}

// byCode reads the codes of S3 and of the clouds that resemble it.
func (r refusal) byCode() meaning {
	at := r.set.endpoint
	switch r.code {
	case "NoSuchKey", "NoSuchVersion":
		return meaning{drivers.ErrNotExist, at}
	case "PreconditionFailed", "FileAlreadyExists", "ObjectAlreadyExists":
		if r.op == "copy" {
			return meaning{drivers.ErrTransient, "the source changed while it was copied"}
		}
		return meaning{drivers.ErrExist, at}
	case "InvalidRange":
		return meaning{drivers.ErrRange, at}
	case "KeyTooLongError", "KeyTooLong", "InvalidObjectName", "InvalidURI", "XMinioInvalidObjectName":
		return meaning{drivers.ErrName, at + " takes no such key"}
	case "NoSuchBucket":
		return meaning{drivers.ErrBroken, fmt.Sprintf("there is no bucket %q at %s: make it, or correct bucket, endpoint or region", r.set.bucket, at)}
	case "InvalidAccessKeyId", "InvalidAccessKey", "InvalidAccessKeyID", "MissingAuthenticationToken", "NotSignedUp":
		return meaning{drivers.ErrDenied, fmt.Sprintf("%s does not know the access key %q: correct accessKeyId", at, r.set.accessKey)}
	case "SignatureDoesNotMatch", "InvalidSecretKey":
		return meaning{drivers.ErrDenied, fmt.Sprintf("secretAccessKey is not the secret of the access key %q: correct it", r.set.accessKey)}
	case "ExpiredToken", "ExpiredTokenException", "InvalidToken", "TokenRefreshRequired", "InvalidSecurityToken":
		return meaning{drivers.ErrDenied, "the sessionToken has expired or is wrong: give a new one with its keys"}
	case "RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture":
		return meaning{drivers.ErrDenied, r.clocks()}
	case "AccessDenied", "Forbidden", "AllAccessDisabled", "AccountProblem", "UnauthorizedAccess", "AccessForbidden", "Unauthorized":
		return meaning{drivers.ErrDenied, r.denied()}
	case "InvalidObjectState", "ObjectLocked", "RestoreAlreadyInProgress":
		return meaning{drivers.ErrDenied, "the object is archived or locked: restore or release it at the provider"}
	case "AuthorizationHeaderMalformed", "PermanentRedirect", "IncorrectEndpoint", "InvalidRegion", "InvalidLocationConstraint",
		"IllegalLocationConstraintException", "InvalidRegionName", "Redirect", "TemporaryRedirect", "MovedPermanently":
		return meaning{drivers.ErrBroken, r.elsewhere()}
	}
	return r.byPassingCode()
}

// byPassingCode is byCode for a lack of space, for what passes, and for what cannot be.
func (r refusal) byPassingCode() meaning {
	at := r.set.endpoint
	switch r.code {
	case "QuotaExceeded", "QuotaExceededException", "BucketQuotaExceeded", "XMinioAdminBucketQuotaExceeded", "XMinioStorageFull",
		"InsufficientStorage", "InsufficientCapacity", "StorageFull", "CapExceeded", "StorageCapExceeded", "ServiceQuotaExceededException",
		"NotEnoughSpace", "ExceedAccountQuota", "InsufficientStorageSpace":
		return meaning{drivers.ErrNoSpace, fmt.Sprintf("the quota of the bucket or account at %s is used up: raise it or remove something", at)}
	case "SlowDown", "SlowDownRead", "SlowDownWrite", "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequests",
		"BandwidthLimitExceeded", "RequestThrottled", "ServiceUnavailable", "ServerBusy", "Busy", "XMinioServerNotInitialized":
		return meaning{drivers.ErrTransient, at + " has too much to do: use it less, or ask the provider for more"}
	case "InternalError", "InternalServerError", "InternalFailure", "RequestTimeout", "RequestTimeoutException", "OperationAborted",
		"ConditionalRequestConflict", "NoSuchUpload":
		return meaning{drivers.ErrTransient, at + " could not do it this time"}
	case "BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch", "IncompleteBody":
		return meaning{drivers.ErrTransient, fmt.Sprintf("the content was changed on its way to %s, which refused it", at)}
	case "NotImplemented", "MethodNotAllowed":
		return meaning{drivers.ErrBroken, at + " cannot do this: is provider right?"}
	}
	return meaning{}
}

// byStatus reads the status of an answer whose code says nothing.
func (r refusal) byStatus() meaning {
	at := r.set.endpoint
	switch s := r.status; {
	case s == 0:
		return meaning{}
	case s/100 == 2:
		return meaning{drivers.ErrBroken, at + " gave an answer that is not one of S3's"}
	case s/100 == 3:
		return meaning{drivers.ErrBroken, r.elsewhere()}
	case s == http.StatusUnauthorized, s == http.StatusForbidden:
		return meaning{drivers.ErrDenied, r.denied()}
	case s == http.StatusNotFound:
		return meaning{drivers.ErrBroken, fmt.Sprintf("%s answers 404 but not as S3 does: correct endpoint or pathStyle", at)}
	case s == http.StatusConflict, s == http.StatusRequestTimeout, s == http.StatusTooManyRequests:
		return meaning{drivers.ErrTransient, at + " could not do it this time"}
	case s == http.StatusPreconditionFailed:
		return refusal{set: r.set, op: r.op, code: "PreconditionFailed"}.byCode()
	case s == http.StatusRequestedRangeNotSatisfiable:
		return meaning{drivers.ErrRange, at}
	case s == http.StatusInsufficientStorage:
		return refusal{set: r.set, op: r.op, code: "QuotaExceeded"}.byPassingCode()
	case s == http.StatusNotImplemented, s == http.StatusHTTPVersionNotSupported:
		return meaning{drivers.ErrBroken, at + " cannot do this: is provider right?"}
	case s >= http.StatusInternalServerError:
		return meaning{drivers.ErrTransient, at + " is out of order or has too much to do"}
	}
	return meaning{drivers.ErrBroken, at + " refused the request"}
}

// denied says what the key lacks.
func (r refusal) denied() string {
	who := fmt.Sprintf("the access key %q", r.set.accessKey)
	if r.set.anonymous() {
		who = "an anonymous request"
	}
	switch r.op {
	case "put", "copy":
		return fmt.Sprintf("%s may not write to the bucket %q: give it s3:PutObject and s3:AbortMultipartUpload", who, r.set.bucket)
	case "delete", "abort":
		return fmt.Sprintf("%s may not delete in the bucket %q: give it s3:DeleteObject and s3:AbortMultipartUpload", who, r.set.bucket)
	case "list":
		return fmt.Sprintf("%s may not list the bucket %q: give it s3:ListBucket", who, r.set.bucket)
	}
	return fmt.Sprintf("%s may not read in the bucket %q: give it s3:GetObject, and s3:ListBucket, without which a missing key "+
		"looks like a forbidden one", who, r.set.bucket)
}

// elsewhere says that the bucket is in another region or at another address, and which if the service told.
func (r refusal) elsewhere() string {
	region := r.header.Get("X-Amz-Bucket-Region")
	if found := regexp.MustCompile(`expecting '([A-Za-z0-9-]+)'`).FindStringSubmatch(r.message); region == "" && found != nil {
		region = found[1]
	}
	if region != "" && region != r.set.region {
		return fmt.Sprintf("the bucket %q is in the region %.64q, not in %q: correct region, and endpoint if it names the region",
			r.set.bucket, region, r.set.region)
	}
	to := ""
	if location := hostOf(r.header.Get("Location")); location != "" {
		to = fmt.Sprintf(" at %.100q", location)
	}
	return fmt.Sprintf("%s says that the bucket %q is elsewhere%s; a redirect is not followed, for the keys would go along: correct endpoint or region",
		r.set.endpoint, r.set.bucket, to)
}

// clocks tells both times.
func (r refusal) clocks() string {
	here := time.Now().UTC()
	there, err := http.ParseTime(r.header.Get("Date"))
	if err != nil {
		return fmt.Sprintf("the clock here (%s) and that of %s are too far apart: set the clock", here.Format(time.RFC3339), r.set.endpoint)
	}
	return fmt.Sprintf("the clock here (%s) and that of %s (%s) are %v apart: set the clock", here.Format(time.RFC3339), r.set.endpoint,
		there.UTC().Format(time.RFC3339), there.Sub(here).Abs().Round(time.Second))
}

// connection reads an error of a request that got no answer, or not the whole of it.
func (d *Driver) connection(err error) meaning {
	at := d.set.endpoint
	if text := tlsTrouble(err); text != "" {
		return meaning{drivers.ErrBroken, fmt.Sprintf("%s cannot be trusted: %s", at, text)}
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return meaning{drivers.ErrTransient, fmt.Sprintf("the name %q of the endpoint is not found: correct endpoint or the network", dns.Name)}
	}
	var network net.Error
	switch {
	case errors.As(err, &network) && network.Timeout():
		return meaning{drivers.ErrTransient, at + " does not answer in time"}
	case isDial(err):
		return meaning{drivers.ErrTransient, fmt.Sprintf("no connection to %s: %v", at, root(err))}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &network), sending(err):
		return meaning{drivers.ErrTransient, fmt.Sprintf("the connection to %s broke: %v", at, root(err))}
	}
	return meaning{drivers.ErrBroken, fmt.Sprintf("%s: %v", at, root(err))}
}

func isDial(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

func sending(err error) bool {
	_, ok := errors.AsType[*smithyhttp.RequestSendError](err)
	return ok
}

// tlsTrouble says why a server is not trusted, "" if that is not what err is about.
func tlsTrouble(err error) string {
	var (
		unknown  x509.UnknownAuthorityError
		hostname x509.HostnameError
		invalid  x509.CertificateInvalidError
		record   tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &unknown):
		return "its certificate is signed by nobody that this system knows: install the authority's certificate"
	case errors.As(err, &hostname):
		return "its certificate is for another name: correct endpoint or pathStyle"
	case errors.As(err, &invalid):
		return "its certificate is not valid: " + invalid.Error()
	case errors.As(err, &record):
		return "it does not speak TLS: is the endpoint http:// ?"
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return "it does not speak TLS: is the endpoint http:// ?"
	}
	return ""
}

// root returns the innermost error, whose text has no URL and no header.
func root(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
