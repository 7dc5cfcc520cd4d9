package s3

import (
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"trivium/drivers"
)

const (
	mib = int64(1) << 20
	gib = int64(1) << 30

	smallestPart  = 5 * mib // S3's least size of a part that is not the last
	largestPart   = 5 * gib // S3's largest part and largest PutObject
	largestObject = 5 << 40
	mostParts     = 10_000

	// singleLimit is the largest content that one PutObject takes unless a smaller maxPartSize is set, bufferedLimit
	// that of a body that is kept in memory.
	singleLimit   = 64 * mib
	bufferedLimit = 8 * mib
	// defaultPart is the size of parts unless there would be more than mostParts of them.
	defaultPart = 16 * mib
)

// settings is a checked Config.
type settings struct {
	preset
	kind      string
	endpoint  string
	region    string
	bucket    string
	pathStyle bool
	accessKey string
	secret    string
	token     string
	minPart   int64
	maxPart   int64
}

// anonymous tells whether requests are not signed.
func (s settings) anonymous() bool { return s.accessKey == "" }

// plain tells whether bytes travel without TLS, so that payloads are signed.
func (s settings) plain() bool { return strings.HasPrefix(s.endpoint, "http://") }

// parse checks cfg as the settings of a space of that kind; its error names the field.
func parse(kind string, cfg drivers.Config) (settings, error) {
	s := settings{
		kind: kind, endpoint: strings.TrimSuffix(cfg["endpoint"], "/"), region: cfg["region"], bucket: cfg["bucket"],
		accessKey: cfg["accessKeyId"], secret: cfg["secretAccessKey"], token: cfg["sessionToken"],
	}
	for _, step := range []func(drivers.Config) error{
		s.parsePlace, s.parseBucket, s.parseKeys, s.parseParts,
	} {
		if err := step(cfg); err != nil {
			return settings{}, err
		}
	}
	return s, nil
}

// parsePlace settles provider, endpoint, region and pathStyle.
func (s *settings) parsePlace(cfg drivers.Config) error {
	if err := checkEndpoint(s.endpoint); err != nil {
		return err
	}
	if !regexp.MustCompile(`^[A-Za-z0-9-]{0,64}$`).MatchString(s.region) {
		return fmt.Errorf("region %q: want a name such as us-east-1", s.region)
	}
	provider := cfg["provider"]
	if s.kind != kindS3 {
		provider = s.kind
	}
	p, ok := findPreset(provider, s.endpoint)
	if !ok {
		return fmt.Errorf("provider %q: want one of %s, or nothing", provider, strings.Join(presetNames(), ", "))
	}
	s.preset = p
	if err := s.parseRegion(); err != nil {
		return err
	}
	s.pathStyle = !p.virtual
	if v := cfg["pathStyle"]; v != "" && s.kind == kindS3 {
		path, err := strconv.ParseBool(v)
		if err != nil {
			return fmt.Errorf("pathStyle %q: want true or false", v)
		}
		s.pathStyle = path
	}
	return nil
}

// parseRegion derives the one of region and endpoint that is missing from the other.
func (s *settings) parseRegion() error {
	if s.name == "OSS" {
		s.region = strings.TrimPrefix(s.region, "oss-")
	}
	switch {
	case s.region != "":
	case s.endpoint != "" && s.regionIn(s.endpoint) != "":
		s.region = s.regionIn(s.endpoint)
	case s.preset.region != "":
		s.region = s.preset.region
	case s.kind != kindS3 && s.endpoint == "":
		return fmt.Errorf("region %q: want the region, or an endpoint", "")
	default:
		s.region = "us-east-1"
	}
	if s.endpoint == "" {
		if s.endpoint = s.endpointIn(s.region); s.endpoint == "" {
			return fmt.Errorf("endpoint %q: %s needs one, such as https://host:port", "", s.name)
		}
	}
	return nil
}

func checkEndpoint(endpoint string) error {
	if endpoint == "" {
		return nil
	}
	u, err := url.Parse(endpoint)
	switch {
	case err != nil:
		return fmt.Errorf("endpoint: want a URL such as https://host:port")
	case u.User != nil:
		return fmt.Errorf("endpoint: keys belong in accessKeyId and secretAccessKey, not in the address")
	case u.Scheme != "https" && u.Scheme != "http", u.Hostname() == "", u.RawQuery != "", u.Fragment != "":
		return fmt.Errorf("endpoint %q: want a URL such as https://host:port", endpoint)
	}
	return nil
}

func (s *settings) parseBucket(drivers.Config) error {
	if !regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$`).MatchString(s.bucket) || strings.Contains(s.bucket, "..") {
		return fmt.Errorf("bucket %q: want the name of a bucket", s.bucket)
	}
	if strings.HasSuffix(s.bucket, "--x-s3") {
		return fmt.Errorf("bucket %q: a directory bucket does not list in order; want a general purpose one", s.bucket)
	}
	return nil
}

func (s *settings) parseKeys(drivers.Config) error {
	switch {
	case s.accessKey == "" && s.secret != "":
		return fmt.Errorf("accessKeyId %q: want the key that secretAccessKey belongs to", "")
	case s.accessKey != "" && s.secret == "":
		return fmt.Errorf("secretAccessKey: want the secret of %q, or neither for anonymous access", s.accessKey)
	case s.accessKey == "" && s.token != "":
		return fmt.Errorf("sessionToken: it needs accessKeyId and secretAccessKey")
	}
	for field, v := range map[string]string{"accessKeyId": s.accessKey, "secretAccessKey": s.secret, "sessionToken": s.token} {
		if strings.ContainsFunc(v, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
			return fmt.Errorf("%s: it has a blank or a control character in it", field)
		}
	}
	return nil
}

func (s *settings) parseParts(cfg drivers.Config) error {
	s.minPart, s.maxPart = smallestPart, largestPart
	for field, to := range map[string]*int64{"minPartSize": &s.minPart, "maxPartSize": &s.maxPart} {
		if v := cfg[field]; v != "" {
			n, err := strconv.ParseInt(v, 10, 64)
			if err != nil || n < smallestPart || n > largestPart {
				return fmt.Errorf("%s %q: want a number of bytes from %d to %d", field, v, smallestPart, largestPart)
			}
			*to = n
		}
	}
	if s.minPart > s.maxPart {
		return fmt.Errorf("minPartSize %d: it is above maxPartSize %d", s.minPart, s.maxPart)
	}
	return nil
}

// copyLimit is the largest content that is copied in one request: a provider may answer only when it is done.
func (s settings) copyLimit() int64 { return min(gib, s.maxPart) }

// partSize is the size of the parts of content of that size, the last one excepted; content that is no larger goes in
// one request. Parts that are kept in memory are smaller. It fails where there would be too many.
func (d *Driver) partSize(size int64, buffered bool) (int64, error) {
	limit, n := min(singleLimit, d.set.maxPart), max(defaultPart, d.set.minPart)
	if buffered {
		limit, n = min(bufferedLimit, d.set.maxPart), max(bufferedLimit, min(d.set.minPart, bufferRoom))
	}
	if size <= limit {
		return limit, nil
	}
	n = min((max(n, (size+mostParts-1)/mostParts)+mib-1)/mib*mib, d.set.maxPart)
	if size > largestObject || (size+n-1)/n > mostParts || buffered && n > bufferRoom {
		return 0, fmt.Errorf("%w: %d bytes are too many for %d parts", drivers.ErrDenied, size, mostParts)
	}
	return n, nil
}
