package main

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"trivium/core/nearest"
)

// config is what `serve` is told.
type config struct {
	data          string // absolute
	listen        string
	domain        string // with commas between several
	publicURL     string // where clients reach the server; "": at its own address
	proxies       string // networks of trusted proxies, with commas between several
	davInfinity   string // "true" or "false"
	tlsCert       string
	tlsKey        string
	logLevel      string
	masterKeyFile string // absolute; "": master.key in the data directory
	plainBasic    string // "true" or "false"
	// privateEndpoints is "true" where users may name spaces on private addresses.
	privateEndpoints string
	tokens           string        // how long tokens of users are good, as it was given,
	tokenLifetime    time.Duration // and checked; 0: 24 h
	metricsFile      string        // absolute; holds the token of /-/metrics; "": there is none
	root             credentials
	server           string            // of commands: URL of the server to ask; "": the one of the data directory
	remote           remote            // of commands: what the environment says of that server
	notRead          []string          // variables that the environment holds, and that are not for a server
	file             string            // the configuration file; "": none
	given            map[string]string // by flag: what the command line says
	from             map[string]string // by flag: what gave the value, when that was not the command line
	dropLog          bool              // give up the damaged part of the metadata's log
	crash            crashPlan
}

// envPrefix begins the names of all variables.
const envPrefix = "TRIVIUM_"

// option is one setting: a flag, the variable that stands for it when the flag is not given, and the key of the
// configuration file that does when there is no variable either. The key is the flag's name.
type option struct {
	flag, value, help string
	target            *string
}

// env is the variable of the option.
func (o option) env() string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(o.flag, "-", "_"))
}

// options are the settings of c.
func options(c *config) []option {
	return []option{
		{"data", "./data", "directory that holds everything", &c.data},
		{"listen", "127.0.0.1:7070", "host:port to listen on", &c.listen},
		{"domain", "", "domains whose sub-domains are buckets, with commas between (virtual-hosted style)", &c.domain},
		{"public-url", "", "address that clients use, when a proxy stands before the server: https://s3.example.com", &c.publicURL},
		{"trusted-proxies", "", "addresses or networks (CIDR) of proxies whose X-Forwarded headers are believed, with commas between", &c.proxies},
		{"webdav-infinity", "false", "true answers WebDAV's PROPFIND with Depth: infinity, which lists whole trees", &c.davInfinity},
		{"tls-cert", "", "certificate file (PEM); with --tls-key the server speaks TLS", &c.tlsCert},
		{"tls-key", "", "key file (PEM) of the certificate", &c.tlsKey},
		{"log-level", "info", "debug, info (one line per request), warn or error", &c.logLevel},
		{"basic-over-http", "false", "true takes passwords over plain http from other machines, too, such as a proxy that ends TLS", &c.plainBasic},
		{"private-endpoints", "false", "true lets users make spaces on loopback and private addresses, as administrators may", &c.privateEndpoints},
		{"token-lifetime", "24h", "how long a token of POST /v1/user/login or trivium user token is good, such as 90m", &c.tokens},
		{"metrics-token-file", "", "file with the token that opens /-/metrics (Authorization: Bearer)", &c.metricsFile},
		{"master-key-file", "", "master key file instead of master.key in the data directory", &c.masterKeyFile},
	}
}

// variables are the settings that have no flag: secrets, and what is for tests.
func variables(c *config) map[string]*string {
	return map[string]*string{
		"TRIVIUM_ROOT_USER":       &c.root.User,
		"TRIVIUM_ROOT_PASSWORD":   &c.root.Password,
		"TRIVIUM_ROOT_ACCESS_KEY": &c.root.AccessKey,
		"TRIVIUM_ROOT_SECRET_KEY": &c.root.SecretKey,
		"TRIVIUM_SERVER":          &c.remote.url,
		"TRIVIUM_USER":            &c.remote.user,
		"TRIVIUM_PASSWORD":        &c.remote.password,
		"TRIVIUM_CRASH":           &c.crash.at,
		"TRIVIUM_CRASH_LOG":       &c.crash.log,
	}
}

// addFlags declares --config and the named options on cmd, without names all of them.
func (c *config) addFlags(cmd *cobra.Command, names ...string) {
	for _, o := range options(c) {
		*o.target = o.value
		if len(names) > 0 && !slices.Contains(names, o.flag) {
			continue
		}
		cmd.Flags().StringVar(o.target, o.flag, o.value, o.help+" ($"+o.env()+")")
	}
	cmd.Flags().StringVar(&c.file, configFlag, "", "configuration file (YAML) with options under the names of their flags ($"+configVariable+")")
	complete(cmd)
}

// complete tells shells what the flags of cmd may be. Those that it does not have are left out.
func complete(cmd *cobra.Command) {
	levels := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return logLevels(), cobra.ShellCompDirectiveNoFileComp
	}
	_ = cmd.RegisterFlagCompletionFunc("log-level", levels)
	_ = cmd.RegisterFlagCompletionFunc("listen", cobra.NoFileCompletions)
	_ = cmd.MarkFlagDirname("data")
	_ = cmd.MarkFlagFilename(configFlag, "yaml", "yml")
}

// logLevels are the values of log-level.
func logLevels() []string { return []string{"debug", "info", "warn", "error"} }

// addDropLog declares --drop-damaged-log on cmd. It has no variable: it is for one start, not for every one.
func (c *config) addDropLog(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&c.dropLog, "drop-damaged-log", false,
		"give up the commits of a damaged log of the metadata that cannot be read any more, and keep the log beside")
}

// The file cannot name itself.
const (
	configFlag     = "config"
	configVariable = envPrefix + "CONFIG"
)

// load completes c after the flags of cmd were parsed, and checks it: a flag goes before its variable in the
// environment ("NAME=value"), that before the configuration file, and that before the default.
func (c *config) load(cmd *cobra.Command, environ []string) error {
	c.given = make(map[string]string)
	for _, o := range options(c) {
		if cmd.Flags().Changed(o.flag) {
			c.given[o.flag] = *o.target
		}
	}
	return c.resolve(environ)
}

// resolve gives every option its value and checks them.
func (c *config) resolve(environ []string) error {
	env, err := c.readEnv(environ)
	if err != nil {
		return err
	}
	named := "--" + configFlag
	if c.file == "" {
		c.file, named = env[configVariable], configVariable
	}
	file, err := readConfigFile(c.file, named, options(c))
	if err != nil {
		return err
	}
	c.from = make(map[string]string)
	for _, o := range options(c) {
		*o.target = o.value
		if v, ok := c.given[o.flag]; ok {
			*o.target = v
		} else if v := env[o.env()]; v != "" {
			*o.target, c.from[o.flag] = v, o.env()
		} else if v := file[o.flag]; v != "" {
			*o.target, c.from[o.flag] = v, o.flag+" in "+c.file
		}
	}
	return c.validate()
}

// sourced adds to an error about an option what gave its value, where that was not the command line.
func (c *config) sourced(err error, flag string) error {
	if from := c.from[flag]; err != nil && from != "" {
		return fmt.Errorf("%w (it is set by %s)", err, from)
	}
	return err
}

// name is what the user has set an option by: the flag, its variable, or the file.
func (c *config) name(flag string) string {
	if from := c.from[flag]; from != "" {
		return from
	}
	return "--" + flag
}

// readEnv takes the variables of Trivium out of environ; an unknown one is an error that names the nearest.
func (c *config) readEnv(environ []string) (map[string]string, error) {
	vars := variables(c)
	known := []string{configVariable}
	for name := range vars {
		known = append(known, name)
	}
	for _, o := range options(c) {
		known = append(known, o.env())
	}
	slices.Sort(known)
	env := make(map[string]string)
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, envPrefix) || foreign(name) {
			continue
		}
		if fileOnly(name) {
			c.notRead = append(c.notRead, name)
			c.remote.take(name, value)
			continue
		}
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("unknown variable %s: %s", name, nearest.Suggest(envPrefix, strings.TrimPrefix(name, envPrefix), bare(known)))
		}
		env[name] = value
		if forCommands(name) && value != "" {
			c.notRead = append(c.notRead, name)
		}
		if target, ok := vars[name]; ok {
			*target = value
		}
	}
	return env, nil
}

// bare takes the prefix, which all variables share, off their names, and leaves out those for tests.
func bare(names []string) []string {
	var out []string
	for _, name := range names {
		if name = strings.TrimPrefix(name, envPrefix); !strings.HasPrefix(name, "CRASH") {
			out = append(out, name)
		}
	}
	return out
}

// foreign tells variables that others set: the project's tests, and Kubernetes for a service of this name.
func foreign(name string) bool {
	return name == "TRIVIUM_SOAK" || strings.HasPrefix(name, "TRIVIUM_TEST_") || strings.HasPrefix(name, "TRIVIUM_SERVICE_") ||
		name == "TRIVIUM_PORT" || strings.HasPrefix(name, "TRIVIUM_PORT_")
}

// validate checks what can be checked without touching anything.
func (c *config) validate() error {
	if c.data == "" {
		return errors.New("--data is empty: name a directory, or leave it out for ./data")
	}
	if (c.root.AccessKey == "") != (c.root.SecretKey == "") {
		return errors.New("TRIVIUM_ROOT_ACCESS_KEY and TRIVIUM_ROOT_SECRET_KEY go together: set both or none")
	}
	if err := c.root.check(); err != nil {
		return err
	}
	if err := c.checkListen(); err != nil {
		return err
	}
	if err := c.checkDomains(); err != nil {
		return err
	}
	if err := c.checkPublicURL(); err != nil {
		return err
	}
	if _, err := c.trustedProxies(); err != nil {
		return err
	}
	for _, f := range []struct{ name, value string }{
		{"webdav-infinity", c.davInfinity}, {"private-endpoints", c.privateEndpoints}, {"basic-over-http", c.plainBasic},
	} {
		if f.value != "true" && f.value != "false" {
			return fmt.Errorf("%s %q: use true or false", c.name(f.name), f.value)
		}
	}
	switch {
	case c.tlsCert == "" && c.tlsKey != "":
		return fmt.Errorf("TLS needs two files: %s is given, --tls-cert is missing", c.name("tls-key"))
	case c.tlsCert != "" && c.tlsKey == "":
		return fmt.Errorf("TLS needs two files: %s is given, --tls-key is missing", c.name("tls-cert"))
	}
	if err := c.checkTokens(); err != nil {
		return err
	}
	if _, err := c.level(); err != nil {
		return err
	}
	if err := c.checkPaths(); err != nil {
		return err
	}
	return c.absolute()
}

// checkTokens reads how long tokens of users are good.
func (c *config) checkTokens() error {
	d, err := time.ParseDuration(c.tokens)
	if err != nil || d < time.Minute || d > 365*24*time.Hour {
		return fmt.Errorf("%s %q: give 1m to 8760h, which is a year", c.name("token-lifetime"), c.tokens)
	}
	c.tokenLifetime = d
	return nil
}

// checkListen checks the form of the address.
func (c *config) checkListen() error {
	_, port, err := net.SplitHostPort(c.listen)
	if err != nil || port == "" {
		return fmt.Errorf("%s %s: give host:port, such as 127.0.0.1:7070, or :7070 for all addresses of this host", c.name("listen"), c.listen)
	}
	if n, err := strconv.Atoi(port); err == nil && (n < 0 || n > math.MaxUint16) {
		return fmt.Errorf("%s %s: ports are 1 to %d, and 0 takes a free one", c.name("listen"), c.listen, math.MaxUint16)
	}
	return nil
}

// domains are those whose sub-domains are buckets.
func (c *config) domains() (all []string) {
	for domain := range strings.SplitSeq(c.domain, ",") {
		if domain = strings.TrimSpace(domain); domain != "" {
			all = append(all, domain)
		}
	}
	return all
}

// checkDomains checks that they are names of hosts.
func (c *config) checkDomains() error {
	for _, domain := range c.domains() {
		if strings.Trim(domain, ".") != domain || strings.ContainsAny(domain, ":/*@ \t") {
			return fmt.Errorf("%s %s: give a name alone, such as s3.example.com, without scheme, port and *", c.name("domain"), domain)
		}
		if _, err := netip.ParseAddr(domain); err == nil {
			return fmt.Errorf("%s %s: an address has no sub-domains: give a name, such as s3.example.com, or leave it out", c.name("domain"), domain)
		}
	}
	return nil
}

// checkPaths refuses what a shell would have replaced: taken as it is, it is a directory called "~".
func (c *config) checkPaths() error {
	for _, o := range options(c) {
		switch o.flag {
		case "data", "tls-cert", "tls-key", "metrics-token-file", "master-key-file":
			if strings.HasPrefix(*o.target, "~") {
				return fmt.Errorf("%s %s: ~ is for shells, which replace it at the beginning of a word: write the path in full", c.name(o.flag), *o.target)
			}
		}
	}
	return nil
}

// absolute makes the paths that are told to people absolute.
func (c *config) absolute() error {
	for _, path := range []*string{&c.data, &c.masterKeyFile, &c.metricsFile, &c.file} {
		if *path == "" {
			continue
		}
		abs, err := filepath.Abs(*path)
		if err != nil {
			return fmt.Errorf("%s: %w", *path, err)
		}
		*path = abs
	}
	return nil
}

// level is the least level that is logged.
func (c *config) level() (zerolog.Level, error) {
	if !slices.Contains(logLevels(), c.logLevel) {
		return 0, fmt.Errorf("%s %q: use %s", c.name("log-level"), c.logLevel, strings.Join(logLevels(), ", "))
	}
	return zerolog.ParseLevel(c.logLevel)
}

// hostName names this machine, for people.
func hostName() string {
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return name
}
