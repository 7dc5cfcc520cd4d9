package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

// parse gives args to a command with all options and loads c from environ.
func parse(t *testing.T, args, environ []string) (config, error) {
	t.Helper()
	var c config
	cmd := &cobra.Command{Use: "serve", SilenceErrors: true, SilenceUsage: true, RunE: func(cmd *cobra.Command, _ []string) error {
		return c.load(cmd, environ)
	}}
	c.addFlags(cmd)
	cmd.SetFlagErrorFunc(flagError)
	cmd.SetArgs(args)
	cmd.SetOut(io.Discard)
	cmd.SetErr(io.Discard)
	return c, cmd.Execute()
}

func TestConfigPrecedence(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		env  []string
		want string // listen
	}{
		{"default", nil, nil, "127.0.0.1:7070"},
		{"variable", nil, []string{"TRIVIUM_LISTEN=:1"}, ":1"},
		{"empty variable", nil, []string{"TRIVIUM_LISTEN="}, "127.0.0.1:7070"},
		{"flag over variable", []string{"--listen", ":2"}, []string{"TRIVIUM_LISTEN=:1"}, ":2"},
		{"flag that repeats the default", []string{"--listen", "127.0.0.1:7070"}, []string{"TRIVIUM_LISTEN=:1"}, "127.0.0.1:7070"},
		{"variables of others", nil, []string{"PATH=x", "TRIVIUM_PORT=tcp://1", "TRIVIUM_SERVICE_HOST=h", "TRIVIUM_TEST_X=1", "TRIVIUM_SOAK=1"}, "127.0.0.1:7070"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := parse(t, tt.args, tt.env)
			if err != nil || c.listen != tt.want {
				t.Errorf("listen = %q, %v, want %q", c.listen, err, tt.want)
			}
		})
	}
	c, err := parse(t, []string{"--data", "x"}, []string{"TRIVIUM_ROOT_USER=u", "TRIVIUM_ROOT_PASSWORD=password"})
	if err != nil || !filepath.IsAbs(c.data) || c.root.User != "u" || c.root.Password != "password" {
		t.Errorf("data %q, root %q, %v: want an absolute path and the variables", c.data, c.root.User, err)
	}
	if c.masterKeyFile != "" {
		t.Errorf("master key file %q, want none named", c.masterKeyFile)
	}
	if c, err = parse(t, nil, []string{"TRIVIUM_MASTER_KEY_FILE=k"}); err != nil || !filepath.IsAbs(c.masterKeyFile) || filepath.Base(c.masterKeyFile) != "k" {
		t.Errorf("master key file %q, %v, want the absolute path of k", c.masterKeyFile, err)
	}
}

func TestConfigErrors(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		env  []string
		want string
	}{
		{"unknown flag", []string{"--lisen", "x"}, nil, "--lisen: did you mean --listen?"},
		{"unknown flag with a value", []string{"--tls-crt=x"}, nil, "did you mean --tls-cert?"},
		{"flag without a value", []string{"--data"}, nil, "--data needs a value"},
		{"flag that is far off", []string{"--prot", "80"}, nil, "unknown flag --prot: there are --basic-over-http, --config, --data, --domain, --help, --listen, "},
		{"short flag", []string{"-d", "x"}, nil, "unknown flag -d: there are --basic-over-http, --config, --data, --domain, --help, --listen, "},
		{"flag with one dash", []string{"-data", "x"}, nil, "unknown flag -data: did you mean --data?"},
		{"port alone", []string{"--listen", "7070"}, nil, "--listen 7070: give host:port, such as 127.0.0.1:7070"},
		{"port alone in the variable", nil, []string{"TRIVIUM_LISTEN=7070"}, "TRIVIUM_LISTEN 7070: give host:port"},
		{"port alone over a variable", []string{"--listen", "7070"}, []string{"TRIVIUM_LISTEN=:1"}, "--listen 7070: give host:port"},
		{"host alone", []string{"--listen", "localhost:"}, nil, "--listen localhost:: give host:port"},
		{"port that cannot be", nil, []string{"TRIVIUM_LISTEN=:70700"}, "TRIVIUM_LISTEN :70700: ports are 1 to 65535"},
		{"negative port", []string{"--listen", ":-1"}, nil, "--listen :-1: ports are 1 to 65535"},
		{"domain with a scheme", []string{"--domain", "a.example, https://b.example"}, nil, "--domain https://b.example: give a name alone"},
		{"domain with a port", nil, []string{"TRIVIUM_DOMAIN=a.example:80"}, "TRIVIUM_DOMAIN a.example:80: give a name alone"},
		{"infinity that is neither", []string{"--webdav-infinity", "yes"}, nil, "--webdav-infinity \"yes\": use true or false"},
		{"domain with a star", []string{"--domain", "*.a.example"}, nil, "--domain *.a.example: give a name alone"},
		{"public URL without a scheme", []string{"--public-url", "s3.example.com"}, nil, "--public-url s3.example.com: its scheme is neither http nor https; give scheme://host"},
		{"public URL with port alone", []string{"--public-url", "s3.example.com:80"}, nil, "its scheme is neither http nor https"},
		{"public URL with a path", nil, []string{"TRIVIUM_PUBLIC_URL=https://s3.example.com/s3"}, "TRIVIUM_PUBLIC_URL https://s3.example.com/s3: it has a path"},
		{"public URL without a host", []string{"--public-url", "https://:80"}, nil, "it has no host"},
		{"public URL with an empty port", []string{"--public-url", "https://s3.example.com:"}, nil, "it has no host"},
		{"public URL with a user", []string{"--public-url", "https://u@s3.example.com"}, nil, "it has more than scheme and host"},
		{"public URL with a query", []string{"--public-url", "https://s3.example.com?"}, nil, "it has more than scheme and host"},
		{"public URL with a fragment", []string{"--public-url", "https://s3.example.com#"}, nil, "it has more than scheme and host"},
		{"public URL with port 0", []string{"--public-url", "https://s3.example.com:0"}, nil, "ports are 1 to 65535"},
		{"public URL with a port that cannot be", []string{"--public-url", "https://s3.example.com:70000"}, nil, "ports are 1 to 65535"},
		{"public URL that is none", []string{"--public-url", "https://[::1"}, nil, "it is no URL"},
		{"public URL of a bucket", []string{"--public-url", "https://s3.example.com", "--domain", "example.com"}, nil, "--domain example.com this is the host of the bucket s3"},
		{"proxy by name", []string{"--trusted-proxies", "127.0.0.1, proxy"}, nil, "--trusted-proxies proxy: give addresses or networks"},
		{"proxies by a wrong network", nil, []string{"TRIVIUM_TRUSTED_PROXIES=10.0.0.0/33"}, "TRIVIUM_TRUSTED_PROXIES 10.0.0.0/33: give addresses or networks"},
		{"proxy with a port", []string{"--trusted-proxies", "127.0.0.1:80"}, nil, "give addresses or networks"},
		{"proxies in brackets", []string{"--trusted-proxies", "[::1]"}, nil, "give addresses or networks"},
		{"proxies of all IPv4 as IPv6", []string{"--trusted-proxies", "::ffff:0.0.0.0/40"}, nil, "give addresses or networks"},
		{"beginning of a flag", []string{"--master-key", "x"}, nil, "did you mean --master-key-file?"},
		{"variable that is far off", nil, []string{"TRIVIUM_PROT=80"}, "unknown variable TRIVIUM_PROT: there are TRIVIUM_BASIC_OVER_HTTP, TRIVIUM_CONFIG, TRIVIUM_DATA, TRIVIUM_DOMAIN, "},
		{"unknown variable", nil, []string{"TRIVIUM_DAT=x"}, "TRIVIUM_DAT: did you mean TRIVIUM_DATA?"},
		{"unknown variable like a secret", nil, []string{"TRIVIUM_ROOT_PASSWORT=geheim"}, "TRIVIUM_ROOT_PASSWORD?"},
		{"half a key", nil, []string{"TRIVIUM_ROOT_SECRET_KEY=x"}, "set both or none"},
		{"user that cannot be", nil, []string{"TRIVIUM_ROOT_USER=a:b"}, "TRIVIUM_ROOT_USER: name: "},
		{"short password", nil, []string{"TRIVIUM_ROOT_PASSWORD=geheim"}, "TRIVIUM_ROOT_PASSWORD: password: it must have 8"},
		{"short access key", nil, []string{"TRIVIUM_ROOT_ACCESS_KEY=ab", "TRIVIUM_ROOT_SECRET_KEY=geheimgeheim"}, "TRIVIUM_ROOT_ACCESS_KEY: accessKey: "},
		{"short secret key", nil, []string{"TRIVIUM_ROOT_ACCESS_KEY=abc", "TRIVIUM_ROOT_SECRET_KEY=geheim"}, "TRIVIUM_ROOT_SECRET_KEY: secretKey: "},
		{"TLS without a certificate", []string{"--tls-key", "x"}, nil, "--tls-key is given, --tls-cert is missing"},
		{"TLS without a key", nil, []string{"TRIVIUM_TLS_CERT=x"}, "TRIVIUM_TLS_CERT is given, --tls-key is missing"},
		{"log level of the variable", nil, []string{"TRIVIUM_LOG_LEVEL=loud"}, `TRIVIUM_LOG_LEVEL "loud": use debug`},
		{"log level", []string{"--log-level", "trace"}, nil, `"trace": use debug`},
		{"passwords over http, perhaps", []string{"--basic-over-http", "yes"}, nil, `--basic-over-http "yes": use true or false`},
		{"tokens of a moment", []string{"--token-lifetime", "59s"}, nil, `--token-lifetime "59s": give 1m to 8760h`},
		{"tokens of years", nil, []string{"TRIVIUM_TOKEN_LIFETIME=8761h"}, `TRIVIUM_TOKEN_LIFETIME "8761h": give 1m to 8760h`},
		{"tokens of days", []string{"--token-lifetime", "1d"}, nil, `--token-lifetime "1d": give 1m to 8760h`},
		{"home directory", []string{"--data", "~/x"}, nil, "--data ~/x: ~ is for shells"},
		{"home directory of a user", nil, []string{"TRIVIUM_TLS_KEY=~ann/key", "TRIVIUM_TLS_CERT=c"}, "TRIVIUM_TLS_KEY ~ann/key: ~ is for shells"},
		{"domain that is an address", []string{"--domain", "s3.example.com,127.0.0.1"}, nil, "--domain 127.0.0.1: an address has no sub-domains"},
		{"no configuration file", nil, []string{"TRIVIUM_CONFIG=/nonexistent"}, "name another with TRIVIUM_CONFIG"},
		{"value that is missing at the end", []string{"--basic-over-http"}, nil, "--basic-over-http needs a value: true or false"},
		{"empty data", []string{"--data", ""}, nil, "--data is empty"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parse(t, tt.args, tt.env)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error = %v, want %q", err, tt.want)
			}
			if strings.Contains(err.Error(), "geheim") {
				t.Errorf("the error shows a value: %v", err)
			}
		})
	}
}

func TestCommandErrors(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"bogus", "unknown command bogus: there are bucket, completion, doctor, gc, help, key, object, policy, repair, scrub, serve, space, user, version"},
		{"serev", "unknown command serev: did you mean serve?"},
		{"serve extra", `trivium serve takes no arguments, only flags: what is "extra"?`},
		{"serve --basic-over-http --data x", "--basic-over-http needs true or false, and --data stands in its place"},
		{"serve --listen --data x", "--listen needs a value, and --data stands in its place"},
		{"completion bsh", "unknown command bsh: did you mean bash?"},
		{"completion xonsh", "unknown command xonsh: there are bash, fish, powershell, zsh"},
		{"gc --noww", "unknown flag --noww: did you mean --now?"},
		{"--data x", "unknown flag --data: did you mean trivium serve --data?"},
		{"--dat x", "unknown flag --dat: did you mean trivium serve --data?"},
		{"--now", "unknown flag --now: did you mean trivium gc --now?"},
		{"--versio", "unknown flag --versio: did you mean --version?"},
		{"--bogus", "unknown flag --bogus: there are --help, --version"},
		{"user ad ann --data x", "unknown command ad: did you mean add?"},
		{"user ad", "unknown command ad: did you mean add?"},
		{"user --dat x", "unknown flag --dat: did you mean trivium user add --data?"},
		{"user add --data x", "trivium user add needs the name of a user: trivium user add NAME [flags]"},
		{"key revoke A B", `trivium key revoke takes an access key and nothing else: what is "B"?`},
		{"key create --access-key A", "--access-key and --secret-key go together: give both or none"},
	} {
		root := newRoot()
		root.SetArgs(strings.Fields(tt.args))
		root.SetOut(io.Discard)
		root.SetErr(io.Discard)
		if err := root.Execute(); err == nil || err.Error() != tt.want {
			t.Errorf("trivium %s: %v, want %q", tt.args, err, tt.want)
		}
	}
}

func TestMetricsToken(t *testing.T) {
	for _, tt := range []struct{ text, want, err string }{
		{"token-of-sixteen\n", "token-of-sixteen", ""},
		{"  token-of-sixteen", "token-of-sixteen", ""},
		{"token-of-fiftee", "", "must hold one line of at least 16 characters"},
		{"token of sixteen", "", "must hold one line"},
		{"token-of-sixteen\ntoken-of-sixteen\n", "", "must hold one line"},
		{"", "", "must hold one line"},
	} {
		c := config{metricsFile: filepath.Join(t.TempDir(), "token")}
		if err := os.WriteFile(c.metricsFile, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := c.metricsToken()
		if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("token of %q = %q, %v, want %q, %q", tt.text, got, err, tt.want, tt.err)
		}
	}
	if _, err := (&config{metricsFile: filepath.Join(t.TempDir(), "none")}).metricsToken(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("token of no file = %v, want ErrNotExist", err)
	}
	if got, err := new(config).metricsToken(); got != "" || err != nil {
		t.Errorf("token without the option = %q, %v", got, err)
	}
}

// TestCommandVariables: what commands are told of a server is none of a server's settings, and it says so.
func TestCommandVariables(t *testing.T) {
	c, err := parse(t, nil, []string{"TRIVIUM_SERVER=https://s", "TRIVIUM_USER=boss", "TRIVIUM_PASSWORD=secret word"})
	if err != nil || c.root != (credentials{}) {
		t.Fatalf("root is %q, %v, want none", c.root.User, err)
	}
	if diff := cmp.Diff([]string{"TRIVIUM_SERVER", "TRIVIUM_USER", "TRIVIUM_PASSWORD"}, c.notRead); diff != "" {
		t.Errorf("not read (-want +got):\n%s", diff)
	}
}

func TestPublicURL(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "https://s3.example.com": "https://s3.example.com", "https://s3.example.com/": "https://s3.example.com",
		"http://[2001:db8::1]:9000": "http://[2001:db8::1]:9000", "http://10.0.0.1:80/": "http://10.0.0.1:80",
	} {
		c, err := parse(t, []string{"--public-url", in, "--domain", "s3.example.com,example.com"}, nil)
		if err != nil || c.public() != want {
			t.Errorf("--public-url %q = %q, %v, want %q", in, c.public(), err, want)
		}
	}
}

func TestTrustedProxies(t *testing.T) {
	for in, want := range map[string]string{
		"": "[]", " , ": "[]", "127.0.0.1": "[127.0.0.1/32]", "::1,10.1.2.3/8": "[::1/128 10.0.0.0/8]",
		" fd00::/8 , 192.0.2.0/24 ": "[fd00::/8 192.0.2.0/24]", "::ffff:10.0.0.1": "[10.0.0.1/32]", "::ffff:10.0.0.0/104": "[10.0.0.0/8]",
	} {
		c, err := parse(t, []string{"--trusted-proxies", in}, nil)
		if err != nil {
			t.Errorf("--trusted-proxies %q: %v", in, err)
			continue
		}
		if got, err := c.trustedProxies(); err != nil || fmt.Sprint(got) != want {
			t.Errorf("--trusted-proxies %q = %v, %v, want %s", in, got, err, want)
		}
	}
}

// TestSource: an error that is about a value says what gave it.
func TestSource(t *testing.T) {
	file := writeConfig(t, "", "data: /a\n")
	for want, c := range map[string]struct{ args, env []string }{
		"bad":                             {args: []string{"--data", "/a"}},
		"bad (it is set by TRIVIUM_DATA)": {env: []string{"TRIVIUM_DATA=/a"}},
		"bad (it is set by data in " + file + ")": {args: []string{"--config", file}},
	} {
		conf, err := parse(t, c.args, c.env)
		if err != nil {
			t.Fatal(err)
		}
		if got := conf.sourced(errors.New("bad"), "data"); got.Error() != want {
			t.Errorf("sourced = %q, want %q", got, want)
		}
	}
	if err := new(config).sourced(nil, "data"); err != nil {
		t.Errorf("sourced(nil) = %v", err)
	}
}
