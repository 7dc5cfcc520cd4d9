package main

import (
	"fmt"
	"io"
	"strings"
)

// welcome is what the banner tells.
type welcome struct {
	url   string
	dir   *dataDir
	creds credentials
	first bool // the accounts were made by this start: show them, once
	// trouble says why the server is not ready; nil: it is.
	trouble error
}

// print writes at most 15 lines.
func (b welcome) print(w io.Writer) error {
	var s strings.Builder
	fmt.Fprintf(&s, "Trivium %s: S3 at %s, data in %s\n", version(), b.url, b.dir.path)
	if b.trouble != nil {
		fmt.Fprintf(&s, "Not ready: %v\n", b.trouble)
	}
	load := fmt.Sprintf("  . %s; export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY", quote(b.dir.credentials()))
	if b.first {
		fmt.Fprintf(&s, "Made now, shown once, kept in %s:\n", b.dir.credentials())
		fmt.Fprintf(&s, "  user %s, password %s\n", b.creds.User, b.creds.Password)
		fmt.Fprintf(&s, "  access key %s, secret key %s\n", b.creds.AccessKey, b.creds.SecretKey)
		fmt.Fprintf(&s, "  recovery key %s\n", b.creds.RecoveryKey)
		s.WriteString("Copy master.key to another place now: without it the store does not open. Keep the recovery key beside it.\n")
		load = fmt.Sprintf("  export AWS_ACCESS_KEY_ID=%s AWS_SECRET_ACCESS_KEY=%s", quote(b.creds.AccessKey), quote(b.creds.SecretKey))
	}
	if !b.first && b.creds.AccessKey == "" {
		fmt.Fprintf(&s, "No access key is kept in %s. To get one: start with\n", b.dir.credentials())
		s.WriteString("TRIVIUM_ROOT_ACCESS_KEY and TRIVIUM_ROOT_SECRET_KEY set to values of your choice.\n")
		load = "  export AWS_ACCESS_KEY_ID=KEY AWS_SECRET_ACCESS_KEY=SECRET"
	}
	s.WriteString("There is no backup of the metadata yet. To try it:\n")
	s.WriteString(load + " AWS_DEFAULT_REGION=us-east-1\n")
	tls, rclone := "", ""
	if strings.HasPrefix(b.url, "https:") {
		tls, rclone = " --no-verify-ssl", " --no-check-certificate"
	}
	fmt.Fprintf(&s, "  aws%s --endpoint-url %s s3 mb s3://first\n", tls, b.url)
	fmt.Fprintf(&s, "  aws%s --endpoint-url %s s3 cp FILE s3://first/\n", tls, b.url)
	fmt.Fprintf(&s, "  rclone config create trivium s3 provider=Other env_auth=true endpoint=%s\n", b.url)
	fmt.Fprintf(&s, "  rclone%s copy DIR trivium:first/DIR\n", rclone)
	_, err := io.WriteString(w, s.String())
	return err
}
