package s3

import (
	"context"
	"strings"

	"trivium/drivers"
)

// The kinds of spaces that this package opens.
const (
	kindS3  = "S3"
	kindOBS = "OBS"
	kindOSS = "OSS"
	kindCOS = "COS"
)

// featureMultipart is the feature that says how long the parts of large content are.
const featureMultipart = "MultipartUpload"

// Kinds registers S3 and the clouds that are S3 under names of their own: OBS, OSS and COS. Their Open makes no
// request: a space that cannot be reached says so when it is used. Validate names the field.
//
// The settings of S3: endpoint (empty: AWS), region, bucket, pathStyle, provider; accessKeyId, secretAccessKey and
// sessionToken, all empty for anonymous access; minPartSize and maxPartSize. The others have no pathStyle, provider
// and sessionToken; an empty endpoint is derived from the region; OBS takes a projectID, which S3 requests do not need.
func Kinds(opts Options) []drivers.Kind {
	var kinds []drivers.Kind
	for _, name := range []string{kindS3, kindOBS, kindOSS, kindCOS} {
		kinds = append(kinds, drivers.Kind{
			Name:     name,
			Fields:   fields(name),
			Features: []string{"S2STransfer", featureMultipart, "BypassWrite"},
			Validate: func(cfg drivers.Config) error {
				_, err := parse(name, cfg)
				return err
			},
			Open: func(_ context.Context, space string, cfg drivers.Config) (drivers.Driver, error) {
				s, err := parse(name, cfg)
				if err != nil {
					return nil, err
				}
				return newDriver(space, s, opts), nil
			},
		})
	}
	return kinds
}

func fields(kind string) []drivers.Field {
	all := []drivers.Field{
		{Name: "endpoint", Help: "address, such as https://host:port; empty: the cloud's in the region"},
		{Name: "region", Help: "region of the bucket"},
		{Name: "bucket", Help: "bucket that keeps the content; it must be there", Required: true},
		{Name: "accessKeyId", Help: "access key", Required: true, Credential: true},
		{Name: "secretAccessKey", Help: "its secret", Required: true, Secret: true, Credential: true},
		{Name: "minPartSize", Help: "least bytes of a part of a multipart upload", Default: "5242880", Type: drivers.Number, Feature: featureMultipart},
		{
			Name: "maxPartSize", Help: "most bytes of a part, and of content that is put or copied in one request", Default: "5368709120",
			Type: drivers.Number, Feature: featureMultipart,
		},
	}
	switch kind {
	case kindS3:
		all[1].Default = "us-east-1"
		all[3].Help, all[3].Required = "access key; empty, with its secret: anonymous access", false
		all[4].Required = false
		return append(all,
			drivers.Field{Name: "sessionToken", Help: "token of a temporary access key", Secret: true, Credential: true},
			drivers.Field{Name: "pathStyle", Help: "true: bucket in the path, false: in the host name", Default: "true", Type: drivers.Flag},
			drivers.Field{Name: "provider", Help: "one of " + strings.Join(presetNames(), ", ") + "; empty: found by the endpoint"})
	case kindOBS:
		return append(all, drivers.Field{Name: "projectID", Help: "project of the bucket; not needed"})
	}
	return all
}
