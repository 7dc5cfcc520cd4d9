package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// contents are texts of every way in which content is kept: nothing, inline, a shard, many blocks.
func contents() map[string]string {
	m := map[string]string{"/life/empty": ""}
	for _, n := range []int{1, 16 << 10, 16<<10 + 1, 3<<20 + 11} {
		m[fmt.Sprintf("/life/of-%d", n)] = strings.Repeat("0123456789abcde\n", n/16+1)[:n]
	}
	return m
}

// fileOf returns the credentials file of a server by its names.
func fileOf(t *testing.T, s *instance) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, "credentials"))
	if err != nil {
		t.Fatal(err)
	}
	file := make(map[string]string)
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(line, "#") {
			file[name] = value
		}
	}
	return file
}

// secretNames are those values of the credentials file that no log may hold.
func secretNames() []string {
	return []string{"TRIVIUM_ADMIN_PASSWORD", "AWS_SECRET_ACCESS_KEY", "TRIVIUM_RECOVERY_KEY"}
}

// TestFirstStart starts a server as a service does: its output lands in a log.
func TestFirstStart(t *testing.T) {
	t.Parallel()
	s := start(t, startOptions{env: []string{}})
	banner := s.stdout.String()
	if n := strings.Count(banner, "\n"); n > 15 {
		t.Errorf("the banner has %d lines, want at most 15:\n%s", n, banner)
	}
	file := fileOf(t, s)
	for _, want := range []string{
		filepath.Join(s.dir, "credentials"), filepath.Join(s.dir, "master.key"),
		"user " + file["TRIVIUM_ADMIN_USER"], "access key " + file["AWS_ACCESS_KEY_ID"],
	} {
		if !strings.Contains(banner, want) {
			t.Errorf("no %q in the banner:\n%s", want, banner)
		}
	}
	for name, mode := range map[string]os.FileMode{"": 0o700, "credentials": 0o600, "master.key": 0o600, "lock": 0o600} {
		info, err := os.Stat(filepath.Join(s.dir, name))
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("mode of <data>/%s = %v, %v, want %v", name, info.Mode().Perm(), err, mode)
		}
	}
	k := keys{file["AWS_ACCESS_KEY_ID"], file["AWS_SECRET_ACCESS_KEY"]}
	if status, body := s.call(t, k, http.MethodPut, "/first", ""); status != http.StatusOK {
		t.Errorf("make a bucket with the file's key = %d %s", status, body)
	}
	if code := s.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code after SIGTERM = %d, want 0", code)
	}
	again := start(t, startOptions{dir: s.dir, env: []string{}})
	for _, name := range secretNames() {
		for i, out := range []*output{s.stdout, s.stderr, again.stdout, again.stderr} {
			if file[name] == "" || strings.Contains(out.String(), file[name]) {
				t.Errorf("%s %q is missing in the file, or is in output %d", name, file[name], i)
			}
		}
	}
	if status, body := again.call(t, k, http.MethodHead, "/first", ""); status != http.StatusOK {
		t.Errorf("the key after a restart: HEAD bucket = %d %s", status, body)
	}
}

// TestLinkedDataDirectory starts on one directory by all its names, and kills the server each time: what was acknowledged
// is there.
func TestLinkedDataDirectory(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	real, link := filepath.Join(base, "real"), filepath.Join(base, "link")
	if err := errors.Join(os.Mkdir(real, 0o700), os.Symlink(real, link)); err != nil {
		t.Fatal(err)
	}
	for i, o := range []startOptions{
		{dir: filepath.Join(link, "data")},
		{dir: "data", cwd: link},
		{dir: "./data", cwd: link},
		{dir: filepath.Join(real, "data")},
	} {
		s := start(t, o)
		for before := range i {
			if status, body := s.call(t, keys{accessKey, secretKey}, http.MethodHead, fmt.Sprintf("/bucket-%d", before), ""); status != http.StatusOK {
				t.Errorf("start %d: HEAD of bucket %d = %d %s", i, before, status, body)
			}
		}
		if status := s.put(t, fmt.Sprintf("/bucket-%d", i), ""); status != http.StatusOK {
			t.Errorf("start %d: make a bucket = %d", i, status)
		}
		s.stop(syscall.SIGKILL)
	}
}

// TestFirstStartOnATerminal looks on: what was made is shown, once.
func TestFirstStartOnATerminal(t *testing.T) {
	t.Parallel()
	s := start(t, startOptions{env: []string{"TRIVIUM_ROOT_PASSWORD=" + rootPassword}, terminal: true})
	s.poll("whole banner", func() bool { return strings.Contains(s.stdout.String(), "rclone copy") })
	banner, file := s.stdout.String(), fileOf(t, s)
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "TRIVIUM_RECOVERY_KEY"} {
		if file[name] == "" || !strings.Contains(banner, "key "+file[name]) {
			t.Errorf("no %s in the banner:\n%s", name, banner)
		}
	}
	if strings.Contains(banner, rootPassword) || !strings.Contains(banner, "password as given") {
		t.Errorf("the banner does not tell given from made:\n%s", banner)
	}
	if n := strings.Count(banner, "\n"); n > 15 {
		t.Errorf("the banner has %d lines, want at most 15:\n%s", n, banner)
	}
	s.stop(syscall.SIGTERM)
	again := start(t, startOptions{dir: s.dir, env: []string{}, terminal: true})
	again.poll("whole banner", func() bool { return strings.Contains(again.stdout.String(), "rclone copy") })
	for _, name := range secretNames() {
		if strings.Contains(again.stdout.String(), file[name]) {
			t.Errorf("the second start shows %s again", name)
		}
	}
}

// TestLogOnATerminal: who looks on reads lines, and no JSON.
func TestLogOnATerminal(t *testing.T) {
	t.Parallel()
	out := &output{}
	s := start(t, startOptions{log: openTerminal(t, out), env: append(rootEnv(), "NO_COLOR=1")})
	if status := s.put(t, "/lines", ""); status != http.StatusOK {
		t.Fatalf("make a bucket = %d", status)
	}
	s.poll("line of the request", func() bool {
		return strings.Contains(out.String(), " INF request status=200 op=CreateBucket method=PUT path=/lines ")
	})
	s.stop(syscall.SIGTERM)
	if text := out.String(); strings.Contains(text, "{") || !strings.Contains(text, "INF ready addr=") || strings.Contains(text, "\x1b") {
		t.Errorf("the terminal shows\n%s", text)
	}
}

func TestRootVariables(t *testing.T) {
	t.Parallel()
	s := start(t, startOptions{})
	if status := s.put(t, "/vars", ""); status != http.StatusOK {
		t.Fatalf("make a bucket = %d", status)
	}
	s.stop(syscall.SIGTERM)
	other := keys{"OTHERKEY0000001", "another-secret-of-the-operator"}
	s = start(t, startOptions{dir: s.dir, env: []string{
		"TRIVIUM_ROOT_USER=" + rootUser, "TRIVIUM_ROOT_PASSWORD=" + rootPassword,
		"TRIVIUM_ROOT_ACCESS_KEY=" + other.access, "TRIVIUM_ROOT_SECRET_KEY=" + other.secret,
	}})
	if status, body := s.call(t, other, http.MethodHead, "/vars", ""); status != http.StatusOK {
		t.Errorf("a key that a later start names: HEAD bucket = %d %s", status, body)
	}
	if status, body := s.call(t, goodKeys(), http.MethodHead, "/vars", ""); status != http.StatusOK {
		t.Errorf("the key of before: HEAD bucket = %d %s", status, body)
	}
	want := "access key " + other.access + " of root added; 1 older key stays valid"
	if b := s.stdout.String(); !strings.Contains(b, want) || strings.Contains(b, "password of") {
		t.Errorf("the banner does not say %q, and that alone:\n%s", want, b)
	}
	s.poll("line in the log", func() bool { return strings.Contains(s.stderr.String(), want) })
}

// TestRefusedCredentials starts with credentials that cannot be: a first start makes nothing, a later one changes
// nothing.
func TestRefusedCredentials(t *testing.T) {
	t.Parallel()
	bad := []string{"TRIVIUM_ROOT_ACCESS_KEY=abc", "TRIVIUM_ROOT_SECRET_KEY=abc"}
	dir := filepath.Join(t.TempDir(), "data")
	if code := start(t, startOptions{dir: dir, env: bad, noReady: true}).wait(); code != 1 {
		t.Errorf("exit code of a first start with a bad key = %d, want 1", code)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the refused first start left its directory: %v", err)
	}
	s := start(t, startOptions{dir: dir, env: []string{}})
	s.stop(syscall.SIGTERM)
	before, err := os.ReadFile(filepath.Join(dir, "credentials"))
	if err != nil {
		t.Fatal(err)
	}
	for _, env := range [][]string{bad, {"TRIVIUM_ROOT_USER=boss"}, {"TRIVIUM_ROOT_USER=boss", "TRIVIUM_ROOT_PASSWORD=a good password"}} {
		s := start(t, startOptions{dir: dir, env: env, noReady: true})
		if code := s.wait(); code != 1 {
			t.Errorf("exit code with %q = %d, want 1", env, code)
		}
		if after, err := os.ReadFile(filepath.Join(dir, "credentials")); err != nil || string(after) != string(before) {
			t.Errorf("%q: the refused start changed the credentials file: %v", env, err)
		}
	}
}

// TestLostCredentials removes the credentials file: the banner says what to do, and that works.
func TestLostCredentials(t *testing.T) {
	t.Parallel()
	s := start(t, startOptions{env: []string{}})
	s.stop(syscall.SIGTERM)
	if err := os.Remove(filepath.Join(s.dir, "credentials")); err != nil {
		t.Fatal(err)
	}
	s = start(t, startOptions{dir: s.dir, env: []string{}})
	if b := s.stdout.String(); !strings.Contains(b, "\n  trivium key create --data "+s.dir+"\n") || strings.Contains(b, "credentials; export") {
		t.Errorf("the banner does not say how to get a key:\n%s", b)
	}
	made := keys{"MADEKEY0000001", "a-secret-of-the-command"}
	newAdmin(s.dir).do(t, "key", "create", "--access-key", made.access, "--secret-key", made.secret)
	if status, body := s.call(t, made, http.MethodPut, "/made", ""); status != http.StatusOK {
		t.Errorf("make a bucket with the key of the command = %d %s", status, body)
	}
	s.stop(syscall.SIGTERM)
	k := keys{"NEWKEY00000001", "a-new-secret-of-the-operator"}
	env := []string{"TRIVIUM_ROOT_ACCESS_KEY=" + k.access, "TRIVIUM_ROOT_SECRET_KEY=" + k.secret}
	s = start(t, startOptions{dir: s.dir, env: env})
	if status, body := s.call(t, k, http.MethodPut, "/lost", ""); status != http.StatusOK {
		t.Errorf("make a bucket with the new key = %d %s", status, body)
	}
	if b := s.stdout.String(); !strings.Contains(b, "credentials; export AWS_ACCESS_KEY_ID") {
		t.Errorf("the banner does not name the new file:\n%s", b)
	}
}

func TestRestartKeepsEverything(t *testing.T) {
	t.Parallel()
	s := start(t, startOptions{})
	s.put(t, "/life", "")
	for path, text := range contents() {
		if status := s.put(t, path, text); status != http.StatusOK {
			t.Fatalf("PUT %s = %d", path, status)
		}
	}
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGKILL} {
		if code := s.stop(sig); sig != syscall.SIGKILL && code != 0 {
			t.Errorf("exit code after %v = %d, want 0", sig, code)
		}
		s = start(t, startOptions{dir: s.dir})
		for path, text := range contents() {
			s.want(t, path, text)
		}
	}
}

func TestSecondServerIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t, startOptions{})
	second := start(t, startOptions{dir: s.dir, noReady: true})
	if code := second.wait(); code != 1 {
		t.Errorf("exit code of the second server = %d, want 1", code)
	}
	for _, want := range []string{fmt.Sprintf("pid %d", s.cmd.Process.Pid), strings.TrimPrefix(s.url, "http://"), s.dir, "--data"} {
		if !strings.Contains(second.stderr.String(), want) {
			t.Errorf("the refusal does not name %q: %s", want, second.stderr)
		}
	}
	if status, _ := s.get("/-/health/ready"); status != http.StatusOK {
		t.Errorf("the first server after the refusal = %d", status)
	}
}

// slowPut begins an upload of 1 MiB and returns when the server has its first half. finish sends the rest.
func slowPut(t *testing.T, s *instance, path string) (finish func() (status string)) {
	t.Helper()
	r, err := http.NewRequest(http.MethodPut, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	sign(r, goodKeys())
	c, err := net.Dial("tcp", r.URL.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	const size = 1 << 20
	fmt.Fprintf(c, "PUT %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\nExpect: 100-continue\r\n", path, r.URL.Host, size)
	if err := r.Header.Write(c); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(c, "\r\n")
	answer := bufio.NewReader(c)
	if line, err := answer.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("no 100 Continue: %q %v", line, err)
	}
	if _, err := answer.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	half := strings.Repeat("x", size/2)
	if _, err := io.WriteString(c, half); err != nil {
		t.Fatal(err)
	}
	return func() string {
		_, _ = io.WriteString(c, half)
		_ = c.SetReadDeadline(time.Now().Add(time.Minute))
		status, _ := answer.ReadString('\n')
		return strings.TrimSpace(status)
	}
}

// refuses tells that the server accepts no connection any more.
func (s *instance) refuses() bool {
	status, _ := s.get("/-/health/live")
	return status == 0
}

func TestTerminationDrains(t *testing.T) {
	t.Parallel()
	s := start(t, startOptions{})
	s.put(t, "/life", "")
	finish := slowPut(t, s, "/life/slow")
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.poll("closed listener", s.refuses)
	if got := finish(); got != "HTTP/1.1 200 OK" {
		t.Errorf("the upload that was running at SIGTERM = %q, want 200", got)
	}
	if code := s.wait(); code != 0 {
		t.Errorf("exit code = %d, want 0", code)
	}
	s = start(t, startOptions{dir: s.dir})
	s.want(t, "/life/slow", strings.Repeat("x", 1<<20))
}

// TestLogThatNobodyReads gives the server a pipe for its log, which nobody reads and which breaks in the end: it goes
// on, and stops when it is told.
func TestLogThatNobodyReads(t *testing.T) {
	t.Parallel()
	s := start(t, startOptions{})
	s.stop(syscall.SIGTERM)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s = start(t, startOptions{dir: s.dir, log: w})
	_ = w.Close()
	long := "/-/" + strings.Repeat("x", 1000)
	requests := func() {
		for range 150 { // more than a pipe takes
			if status, _ := s.get(long); status != http.StatusNotFound {
				t.Fatalf("request while nobody reads the log = %d, want 404", status)
			}
		}
	}
	requests()
	_ = r.Close()
	requests()
	if code := s.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code = %d, want 0", code)
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	s := start(t, startOptions{})
	s.put(t, "/life", "")
	slowPut(t, s, "/life/never")
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.poll("closed listener", s.refuses)
	s.poll("line of the first signal", func() bool {
		return strings.Contains(s.stderr.String(), "a second signal ends the process at once")
	})
	begin := time.Now()
	if code := s.stop(syscall.SIGINT); code == 0 { // the same one at once would be none
		t.Error("exit code after a second signal = 0, want another")
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("the second signal took %v", took)
	}
	if !strings.Contains(s.stderr.String(), "ended at once by a second signal") {
		t.Error("the log does not say that a second signal ended the server")
	}
	s = start(t, startOptions{dir: s.dir})
	if status, _ := s.call(t, goodKeys(), http.MethodGet, "/life/never", ""); status != http.StatusNotFound {
		t.Errorf("an upload that was cut off = %d, want 404", status)
	}
}

// TestKillKeepsWhatWasAcknowledged kills the process under load and reads everything back.
func TestKillKeepsWhatWasAcknowledged(t *testing.T) {
	t.Parallel()
	s := start(t, startOptions{})
	s.put(t, "/life", "")
	var mu sync.Mutex
	acknowledged := make(map[string]string)
	enough := make(chan struct{})
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				path := fmt.Sprintf("/life/w%d/%d", w, i)
				text := strings.Repeat(path+"\n", 1+i%2*3000)
				if s.put(t, path, text) != http.StatusOK {
					return
				}
				mu.Lock()
				acknowledged[path] = text
				if len(acknowledged) == 200 {
					close(enough)
				}
				mu.Unlock()
			}
		})
	}
	select {
	case <-enough:
	case <-time.After(time.Minute):
		t.Error("200 uploads took more than a minute")
	}
	s.stop(syscall.SIGKILL)
	wg.Wait()
	begin := time.Now()
	s = start(t, startOptions{dir: s.dir})
	if took := time.Since(begin); took > 2*time.Second {
		t.Logf("ready again after %v", took)
	}
	for path, text := range acknowledged {
		s.want(t, path, text)
	}
}

// TestFigures prints how fast the server is ready and what it holds when idle; it judges neither.
func TestFigures(t *testing.T) {
	begin := time.Now()
	s := start(t, startOptions{})
	t.Logf("ready on an empty directory after %v", time.Since(begin).Round(time.Millisecond))
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		t.Skip("no /proc here: idle memory is not known")
	}
	for line := range strings.Lines(string(status)) {
		if strings.HasPrefix(line, "VmRSS") || strings.HasPrefix(line, "RssAnon") {
			t.Log("idle ", strings.Join(strings.Fields(line), " "))
		}
	}
}
