package s3

import (
	"net"
	"net/url"
	"strings"
)

// checksum is what a Put sends along so that the provider refuses content that was changed on its way.
type checksum int

const (
	checksumMD5   checksum = iota // Content-MD5: every provider knows it
	checksumCRC64                 // x-amz-checksum-crc64nvme
	checksumCRC32                 // x-amz-checksum-crc32
)

// condition is what a provider makes of If-None-Match: * on a Put.
type condition int

const (
	conditionUnknown condition = iota // it may ignore the header: a HEAD goes before it
	conditionAtomic                   // it refuses with 412, atomically
	conditionRefused                  // it knows no such header: a HEAD alone is asked
)

// preset is what one provider needs done in its own way. All of them get: no checksum that the SDK would add by itself
// and no trailers (RequestChecksumCalculation WhenRequired), Content-MD5 on DeleteObjects and on parts, ListObjectsV2
// with encoding-type=url.
type preset struct {
	name     string
	endpoint string // with {region}; also how a region is read from an endpoint. "": must be given
	hosts    string // an endpoint's host that ends so is this provider's; "": none
	virtual  bool   // takes the bucket in the host name only
	checksum checksum
	cond     condition
	forbid   string // provider's own header that does what If-None-Match: * does
	stale    bool   // lists are not known to show every finished Put
	region   string // signing region where none is given
}

// other is the preset of everything that is not in the table.
const other = "Other"

// presets is the table of providers; the last one fits everything.
//
// What is said of a provider comes from its documentation of the S3 API: whether it takes If-None-Match on PutObject,
// checksum headers, path-style addresses. Where that leaves a doubt the entry is the cautious one.
func presets() []preset {
	return []preset{
		{name: "AWS", endpoint: "https://s3.{region}.amazonaws.com", hosts: ".amazonaws.com", checksum: checksumCRC64, cond: conditionAtomic},
		{name: "MinIO", checksum: checksumCRC32}, // the condition since 2024
		{name: "R2", hosts: ".r2.cloudflarestorage.com", checksum: checksumMD5, cond: conditionAtomic, region: "auto"},
		{name: "B2", endpoint: "https://s3.{region}.backblazeb2.com", hosts: ".backblazeb2.com", cond: conditionRefused},
		{name: "OBS", endpoint: "https://obs.{region}.myhuaweicloud.com", hosts: ".myhuaweicloud.com", virtual: true, cond: conditionRefused},
		{
			name: "OSS", endpoint: "https://oss-{region}.aliyuncs.com", hosts: ".aliyuncs.com", virtual: true, cond: conditionRefused,
			forbid: "x-oss-forbid-overwrite",
		},
		{
			name: "COS", endpoint: "https://cos.{region}.myqcloud.com", hosts: ".myqcloud.com", virtual: true, cond: conditionRefused,
			forbid: "x-cos-forbid-overwrite",
		},
		{name: other, cond: conditionUnknown, stale: true},
	}
}

// presetNames are the values of the field provider.
func presetNames() []string {
	var names []string
	for _, p := range presets() {
		names = append(names, p.name)
	}
	return names
}

// findPreset returns the preset of that name, in any case, or where name is empty the one of the endpoint's host. An
// empty endpoint is AWS.
func findPreset(name, endpoint string) (preset, bool) {
	all := presets()
	host := strings.TrimSuffix(hostOf(endpoint), ".cn")
	for i, p := range all {
		switch {
		case name != "" && strings.EqualFold(name, p.name):
			return p, true
		case name != "":
		case endpoint == "" && i == 0, p.hosts != "" && strings.HasSuffix(host, p.hosts), p.name == other:
			return p, true
		}
	}
	return preset{}, false
}

// hostOf returns the host name of an endpoint in lower case, "" where it is none.
func hostOf(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}

// endpointIn returns the endpoint of a region.
func (p preset) endpointIn(region string) string {
	endpoint := strings.ReplaceAll(p.endpoint, "{region}", region)
	if p.name == "AWS" && strings.HasPrefix(region, "cn-") {
		endpoint += ".cn"
	}
	return endpoint
}

// regionIn returns the region that an endpoint of the provider names, "" where it names none.
func (p preset) regionIn(endpoint string) string {
	before, after, ok := strings.Cut(p.endpoint, "{region}")
	if !ok {
		return ""
	}
	host := hostOf(endpoint)
	if net.ParseIP(host) != nil {
		return ""
	}
	host = strings.TrimSuffix(host, ".cn")
	start := strings.TrimPrefix(before, "https://")
	if !strings.HasPrefix(start, "s3.") { // OSS has hosts of their own for S3
		host = strings.TrimPrefix(host, "s3.")
	}
	region, ok := strings.CutPrefix(host, start)
	if !ok {
		return ""
	}
	region, ok = strings.CutSuffix(region, after)
	if !ok || strings.Contains(region, ".") {
		return ""
	}
	return strings.TrimSuffix(region, "-internal")
}
