package main

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
)

func TestBanner(t *testing.T) {
	c := samples()[0]
	given := credentials{User: c.User, Password: c.Password}
	all := c
	all.RecoveryKey = ""
	for _, tt := range []struct {
		name          string
		b             welcome
		want, wantNot []string
	}{
		{
			"first start on a terminal",
			welcome{accounts: outcome{creds: c, first: true}, terminal: true, trouble: errors.New("space is down\nand out")},
			[]string{
				"Not ready: space is down; and out\n", "kept in /some where/credentials (mode 0600) and shown once:\n",
				"user admin, password plain\n", "access key AK1, secret key a/b+c=\n", "recovery key AAAA-BBBB\n", "Copy /keys/m to another place",
				"\n  . '/some where/credentials'; export AWS_ACCESS_KEY_ID ", "aws --endpoint-url http://127.0.0.1:7070 s3 mb", "rclone ",
			},
			[]string{"given", "--no-verify-ssl", "--no-check-certificate", "all addresses", "Changed"},
		},
		{
			"first start with a log",
			welcome{accounts: outcome{creds: c, first: true}},
			[]string{
				"kept in /some where/credentials (mode 0600) and shown on terminals only:\n", "user admin, password (in the file)\n",
				"access key AK1, secret key (in the file)\n", "recovery key (in the file)\n",
			},
			[]string{"plain", "a/b+c=", "AAAA-BBBB", "given"},
		},
		{
			"first start with user and password",
			welcome{accounts: outcome{creds: c, given: given, first: true}, terminal: true},
			[]string{"user admin (given), password as given\n", "access key AK1, secret key a/b+c=\n", "recovery key AAAA-BBBB\n"},
			[]string{"plain"},
		},
		{
			"first start with everything",
			welcome{accounts: outcome{creds: c, given: all, first: true}, terminal: true},
			[]string{"user admin (given), password as given\n", "access key AK1 (given), secret key as given\n", "recovery key AAAA-BBBB\n"},
			[]string{"plain", "a/b+c="},
		},
		{
			"later start",
			welcome{url: "https://127.0.0.1:7070", accounts: outcome{creds: c}, terminal: true},
			[]string{". '/some where/credentials'", "; export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY ", "aws --no-verify-ssl --endpoint-url https://127.0.0.1:7070", "rclone --no-check-certificate copy"},
			[]string{c.Password, c.SecretKey, c.RecoveryKey, "No access key", "set -a", "Copy /keys/m", "First start"},
		},
		{
			"later start that changed something",
			welcome{accounts: outcome{creds: c, given: c, changed: []string{"password of admin replaced", "access key AK1 added"}}, terminal: true},
			[]string{"Changed by TRIVIUM_ROOT_*: password of admin replaced.\n", "Changed by TRIVIUM_ROOT_*: access key AK1 added.\n"},
			[]string{c.Password, c.SecretKey, c.RecoveryKey},
		},
		{
			"later start without a file",
			welcome{trouble: errors.New("space is down"), terminal: true},
			[]string{"No access key is kept in /some where/credentials", "  trivium key create --data '/some where'\n", "\n  export AWS_ACCESS_KEY_ID=KEY "},
			[]string{". '/some"},
		},
		{
			"every address",
			welcome{addr: "[::]:7070", accounts: outcome{creds: c}, terminal: true},
			[]string{"S3 at http://127.0.0.1:7070, ", "listening on port 7070 of all addresses of " + hostName() + "\n", "list_url_encode=true endpoint=http://127.0.0.1:7070\n"},
			[]string{"::", "0.0.0.0"},
		},
		{
			"behind a proxy",
			welcome{url: "https://127.0.0.1:7070", addr: "127.0.0.1:7070", public: "https://s3.example.com", accounts: outcome{creds: c}, terminal: true},
			[]string{"S3 at https://s3.example.com, ", ", for a proxy at https://127.0.0.1:7070\n", "aws --endpoint-url https://s3.example.com s3 mb", "endpoint=https://s3.example.com\n"},
			[]string{"--no-verify-ssl", "--no-check-certificate"},
		},
		{
			"later start of a service",
			welcome{addr: "127.0.0.1:7070", accounts: outcome{creds: c}},
			[]string{"S3 at http://127.0.0.1:7070, ", "has no backup yet"},
			[]string{"To try it", "aws", "rclone"},
		},
		{
			"IPv6",
			welcome{url: "http://[::1]:7070", addr: "[::1]:7070", accounts: outcome{creds: c}, terminal: true},
			[]string{"S3 at http://[::1]:7070, ", "--endpoint-url 'http://[::1]:7070' s3 mb", "endpoint='http://[::1]:7070'\n"},
			nil,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.b.dir, tt.b.masterKey = &dataDir{path: "/some where"}, "/keys/m"
			if tt.b.url == "" {
				tt.b.url = "http://127.0.0.1:7070"
			}
			var s strings.Builder
			if err := tt.b.print(&s); err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(s.String(), "\n"); n > 15 {
				t.Errorf("%d lines, want at most 15", n)
			}
			for _, w := range tt.want {
				if !strings.Contains(s.String(), w) {
					t.Errorf("no %q in:\n%s", w, s.String())
				}
			}
			for _, w := range tt.wantNot {
				if strings.Contains(s.String(), w) {
					t.Errorf("%q in:\n%s", w, s.String())
				}
			}
		})
	}
}

func TestOnlyATerminalIsOne(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if isTerminal(new(bytes.Buffer)) || isTerminal(w) || isTerminal(null) {
		t.Error("a buffer, a pipe or /dev/null passes for a terminal")
	}
}
