package s3_test

import (
	"maps"
	"strings"
	"testing"

	"trivium/drivers"
	"trivium/drivers/s3"
)

func TestKinds(t *testing.T) {
	secrets := map[string]string{"S3": "secretAccessKey sessionToken", "OBS": "secretAccessKey", "OSS": "secretAccessKey", "COS": "secretAccessKey"}
	for _, k := range s3.Kinds(s3.Options{}) {
		if got := strings.Join(k.Secrets(), " "); got != secrets[k.Name] || k.Trusted {
			t.Errorf("%s has the secrets %q, trusted %v, want %q, not trusted", k.Name, got, k.Trusted, secrets[k.Name])
		}
		for _, f := range k.Fields {
			if f.Help == "" {
				t.Errorf("%s: the field %s has no help", k.Name, f.Name)
			}
		}
		delete(secrets, k.Name)
	}
	if len(secrets) != 0 {
		t.Errorf("there are no kinds for %v", secrets)
	}
}

// TestValidate breaks one field of a good config at a time: the error names it and tells no secret.
func TestValidate(t *testing.T) {
	good := config("https://storage.example:9000", "region", "eu-1", "pathStyle", "false")
	if err := kind(t, "S3", s3.Options{}).Validate(good); err != nil {
		t.Fatalf("Validate = %v", err)
	}
	for _, tt := range []struct{ kind, field, value string }{
		{"S3", "endpoint", "storage.example"},
		{"S3", "endpoint", "ftp://storage.example"},
		{"S3", "endpoint", "https://"},
		{"S3", "endpoint", "https://user:" + secret + "@storage.example"},
		{"S3", "endpoint", "https://storage.example/?x=" + "y"},
		{"S3", "endpoint", "https://sto rage\x00"},
		{"S3", "region", "eu/west"},
		{"S3", "region", "eu.evil.example#"},
		{"S3", "bucket", ""},
		{"S3", "bucket", "a/b"},
		{"S3", "bucket", "a..b"},
		{"S3", "bucket", "x"},
		{"S3", "bucket", "fast--use1-az4--x-s3"},
		{"S3", "pathStyle", "perhaps"},
		{"S3", "provider", "Nobody"},
		{"S3", "accessKeyId", ""},
		{"S3", "accessKeyId", "two words"},
		{"S3", "secretAccessKey", ""},
		{"S3", "secretAccessKey", secret + "\n"},
		{"S3", "minPartSize", "1"},
		{"S3", "minPartSize", "5 MiB"},
		{"S3", "maxPartSize", "6000000000"},
		{"OBS", "bucket", ""},
		{"COS", "secretAccessKey", ""},
	} {
		cfg := maps.Clone(good)
		cfg[tt.field] = tt.value
		err := kind(t, tt.kind, s3.Options{}).Validate(cfg)
		if err == nil || !strings.HasPrefix(err.Error(), tt.field) {
			t.Errorf("%s: Validate(%s = %q) = %v, want an error that names the field", tt.kind, tt.field, tt.value, err)
		}
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("Validate tells the secret: %v", err)
		}
		if _, err := kind(t, tt.kind, s3.Options{}).Open(t.Context(), "x", cfg); err == nil {
			t.Errorf("%s: Open(%s = %q) opened it", tt.kind, tt.field, tt.value)
		}
	}
	for _, tt := range []struct{ kind, field string }{{"OBS", "region"}, {"OSS", "region"}, {"COS", "region"}} {
		err := kind(t, tt.kind, s3.Options{}).Validate(config(""))
		if err == nil || !strings.HasPrefix(err.Error(), tt.field) {
			t.Errorf("%s: Validate of neither endpoint nor region = %v, want %s named", tt.kind, err, tt.field)
		}
	}
	err := kind(t, "S3", s3.Options{}).Validate(config("", "provider", "MinIO"))
	if err == nil || !strings.HasPrefix(err.Error(), "endpoint") {
		t.Errorf("Validate of a MinIO without endpoint = %v, want endpoint named", err)
	}
	cfg := drivers.Config{"endpoint": "https://storage.example", "bucket": bucket}
	if err := kind(t, "S3", s3.Options{}).Validate(cfg); err != nil {
		t.Errorf("Validate of an anonymous space = %v", err)
	}
	cfg["sessionToken"] = "token"
	if err := kind(t, "S3", s3.Options{}).Validate(cfg); err == nil || !strings.HasPrefix(err.Error(), "sessionToken") {
		t.Errorf("Validate of a token without keys = %v, want sessionToken named", err)
	}
	cfg = config("https://storage.example", "minPartSize", "7000000", "maxPartSize", "6000000")
	if err := kind(t, "S3", s3.Options{}).Validate(cfg); err == nil || !strings.HasPrefix(err.Error(), "minPartSize") {
		t.Errorf("Validate of minPartSize above maxPartSize = %v", err)
	}
}
