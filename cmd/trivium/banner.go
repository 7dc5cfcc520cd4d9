package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/mattn/go-isatty"
)

// welcome is what the banner tells.
type welcome struct {
	url       string // as a client on this machine writes it
	public    string // as all clients write it, through a proxy; "": there is none
	addr      string // that is bound
	dir       *dataDir
	masterKey string // file
	accounts  outcome
	terminal  bool  // somebody looks on: the secrets made now may be shown, once
	trouble   error // why the server is not ready; nil: it is
}

// address is the one for clients.
func (b welcome) address() string {
	if b.public != "" {
		return b.public
	}
	return b.url
}

// isTerminal tells whether what is written to w is looked at, and not kept: a service's output lands in a log.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// print writes at most 15 lines. What is to be pasted works from any directory of this machine.
func (b welcome) print(w io.Writer) error {
	var s strings.Builder
	fmt.Fprintf(&s, "Trivium %s: S3 at %s, WebDAV at %s/dav/, data in %s", version(), b.address(), b.address(), b.dir.path)
	if host, port, err := net.SplitHostPort(b.addr); err == nil && net.ParseIP(host).IsUnspecified() {
		fmt.Fprintf(&s, ", listening on port %s of all addresses of %s", port, hostName())
	}
	if b.public != "" {
		fmt.Fprintf(&s, ", for a proxy at %s", b.url)
	}
	s.WriteString("\n")
	if b.trouble != nil {
		fmt.Fprintf(&s, "Not ready: %s\n", strings.ReplaceAll(b.trouble.Error(), "\n", "; "))
	}
	if b.accounts.first {
		b.firstStart(&s)
	}
	for _, change := range b.accounts.changed {
		fmt.Fprintf(&s, "Changed by TRIVIUM_ROOT_*: %s.\n", change)
	}
	s.WriteString("The metadata has no backup yet. To make one, stop the server and copy the whole data directory.\n")
	// A log need not have it at every start: only when there is something to know.
	if b.terminal || b.accounts.first || len(b.accounts.changed) > 0 || b.accounts.creds.AccessKey == "" {
		b.tryIt(&s)
	}
	_, err := io.WriteString(w, s.String())
	return err
}

// firstStart tells what was made, and where it is kept.
func (b welcome) firstStart(s *strings.Builder) {
	c, given := &b.accounts.creds, &b.accounts.given
	of := func(value, given string) string {
		if given != "" {
			return value + " (given)"
		}
		return value
	}
	secret := func(value, given string) string {
		switch {
		case given != "":
			return "as given"
		case !b.terminal:
			return "(in the file)"
		}
		return value
	}
	shown := "shown once"
	if !b.terminal {
		shown = "shown on terminals only"
	}
	fmt.Fprintf(s, "First start. Secrets made now are kept in %s (mode 0600) and %s:\n", b.dir.credentials(), shown)
	fmt.Fprintf(s, "  user %s, password %s\n", of(c.User, given.User), secret(c.Password, given.Password))
	fmt.Fprintf(s, "  access key %s, secret key %s\n", of(c.AccessKey, given.AccessKey), secret(c.SecretKey, given.SecretKey))
	fmt.Fprintf(s, "  recovery key %s\n", secret(c.RecoveryKey, ""))
	fmt.Fprintf(s, "Copy %s to another place now: without it the store does not open. Keep the recovery key beside it.\n", b.masterKey)
}

// tryIt says how to use the store with aws, with rclone and as a network drive.
func (b welcome) tryIt(s *strings.Builder) {
	load := fmt.Sprintf(". %s; export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY", quote(b.dir.credentials()))
	if b.accounts.creds.AccessKey == "" {
		fmt.Fprintf(s, "No access key is kept in %s. To get one:\n  trivium key create --data %s\n", b.dir.credentials(), quote(b.dir.path))
		load = "export AWS_ACCESS_KEY_ID=KEY AWS_SECRET_ACCESS_KEY=SECRET"
	}
	url := quote(b.address()) // brackets of an IPv6 address are a pattern to some shells
	tls, rclone := "", ""
	if b.public == "" && strings.HasPrefix(b.url, "https:") { // a proxy has a certificate that clients know
		tls, rclone = " --no-verify-ssl", " --no-check-certificate"
	}
	fmt.Fprintf(s, "To try it, in another shell:\n  %s AWS_DEFAULT_REGION=us-east-1\n", load)
	fmt.Fprintf(s, "  aws%s --endpoint-url %s s3 mb s3://first\n", tls, url)
	fmt.Fprintf(s, "  aws%s --endpoint-url %s s3 cp FILE s3://first/\n", tls, url)
	fmt.Fprintf(s, "  rclone config create trivium s3 provider=Other env_auth=true list_url_encode=true endpoint=%s\n", url)
	fmt.Fprintf(s, "  rclone%s copy DIR trivium:first/DIR\n", rclone)
	fmt.Fprintf(s, "  sudo mount -t davfs %s /mnt   # asks for a user and his password, or a key and its secret\n", quote(b.address()+"/dav/"))
}
