package crash

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"trivium/core"
	"trivium/core/meta/sqlite"
	"trivium/tests/crash/lossyfs"
)

const (
	crashesPerRound = 5
	roundsPerDir    = 5 // then a lane takes a fresh data directory
	hitsWanted      = 5
	loadLimit       = 3 * time.Second
	readyLimit      = 2 * time.Second
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// suite is what all lanes share.
type suite struct {
	binary   string
	template string // a data directory after its first start, with the buckets and packages
	packages packageIDs

	mu         sync.Mutex
	todo       []aim
	hits       map[string]int
	rounds     int
	left       int // rounds to run at least
	hitsWanted int // of every point
	calls      int
	door       doorUse
	crashes    int
	ready      []time.Duration
}

// aim is a point and how often it is passed before the process dies there.
type aim struct {
	point string
	count int
}

// newSuite builds the server and makes the template.
func newSuite(t *testing.T, rounds int) *suite {
	t.Helper()
	dir := t.TempDir()
	binary, err := build(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	s := &suite{binary: binary, template: filepath.Join(dir, "template"), hits: map[string]int{}, left: rounds, hitsWanted: hitsWanted}
	p, err := start(t.Context(), binary, s.template, "", "")
	if err != nil || p.ready == 0 {
		t.Fatalf("first start: %v\n%s", err, p.out)
	}
	for _, bucket := range []string{plain, versioned} {
		if err := p.client.CreateBucket(t.Context(), bucket); err != nil {
			t.Fatal(err)
		}
	}
	if s.packages, err = makePackages(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	if err := enableVersioning(t.Context(), s.template); err != nil {
		t.Fatal(err)
	}
	return s
}

// makePackages makes the packages of all workers, which stay when they are empty.
func makePackages(ctx context.Context, p *process) (packageIDs, error) {
	ids := packageIDs{}
	for _, bucket := range []string{plain, versioned} {
		b, err := p.api.Bucket(ctx, bucket)
		if err != nil {
			return nil, err
		}
		for i := range workers {
			made, err := p.api.CreatePackage(ctx, b.BucketID, workerName(i))
			if err != nil {
				return nil, err
			}
			ids[bucket+"/"+made.Name] = made.PackageID
		}
	}
	return ids, nil
}

// enableVersioning switches versioning on in the metadata of a stopped server.
func enableVersioning(ctx context.Context, data string) (err error) {
	meta, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(data, "meta", "trivium.db")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, meta.Close()) }()
	return meta.Update(ctx, func(ctx context.Context, tx core.MetaTx) error {
		b, _, err := tx.BucketByName(ctx, versioned)
		if err != nil {
			return err
		}
		b.Versioning, b.EverVersioned = core.VersioningEnabled, true
		return errors.Join(tx.PutBucket(ctx, b), tx.BumpConfig(ctx))
	})
}

// nextRound tells whether another round is wanted: the count is not reached or a point not hit often enough.
func (s *suite) nextRound() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	short := slices.ContainsFunc(names(), func(point string) bool { return s.hits[point] < s.hitsWanted })
	if s.left <= 0 && (!short || s.rounds > 1000) {
		return false
	}
	s.left--
	s.rounds++
	return true
}

// names are the points in order.
func names() []string {
	var all []string
	for point := range points() {
		all = append(all, point)
	}
	slices.Sort(all)
	return all
}

// aim takes the next point of the list, which goes round all of them in random order.
func (s *suite) aim(rnd *rand.Rand) aim {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.todo) == 0 {
		for _, point := range names() {
			s.todo = append(s.todo, aim{point, 1 + rnd.IntN(points()[point])})
		}
		rnd.Shuffle(len(s.todo), func(i, j int) { s.todo[i], s.todo[j] = s.todo[j], s.todo[i] })
	}
	a := s.todo[0]
	s.todo = s.todo[1:]
	return a
}

// again puts a point that was not reached back, to be taken at its first pass.
func (s *suite) again(a aim) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.todo = append(s.todo, aim{a.point, 1})
}

// lane is one data directory with its ledger and what it stands on.
type lane struct {
	s       *suite
	rnd     *rand.Rand
	seed    uint64
	workers []*worker
	data    string
	log     string
	history []string

	lossy   *lossyfs.FS // nil: the plain file system
	backing string
	luck    float64
}

// TestCrash kills the server at every named point at least 5 times, in at least 25 rounds (300 with TRIVIUM_SOAK),
// and compares all that was acknowledged.
func TestCrash(t *testing.T) {
	rounds := 25
	if soak() {
		rounds = 300
	}
	s := newSuite(t, rounds)
	t.Run("lanes", func(t *testing.T) {
		for i := range 2 {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				runLane(t, s, uint64(time.Now().UnixNano())+uint64(i), false)
			})
		}
	})
	s.report(t)
	for _, point := range names() {
		if s.hits[point] < hitsWanted && !t.Failed() {
			t.Errorf("%s was hit %d times, want %d", point, s.hits[point], hitsWanted)
		}
	}
	if slow := slices.Max(s.ready); slow > readyLimit {
		t.Errorf("ready again after %v, want at most %v", slow, readyLimit)
	}
}

// TestPowerCut does the same on a file system that drops what was not synced: a cut is a kill and the loss of all
// unsynced writes and names, every second time with some of them kept.
func TestPowerCut(t *testing.T) {
	rounds := 6
	if soak() {
		rounds = 100
	}
	if _, err := os.Stat("/dev/fuse"); err != nil && os.Getenv("TRIVIUM_TEST_CLIENTS") != "required" {
		t.Skip("the power cut needs FUSE: there is no /dev/fuse (package fuse3)")
	}
	s := newSuite(t, rounds)
	s.hitsWanted = 0 // the number of rounds decides
	t.Run("lanes", func(t *testing.T) {
		for i := range 2 {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				runLane(t, s, uint64(time.Now().UnixNano())+uint64(i), true)
			})
		}
	})
	s.report(t)
}

// soak tells whether the full counts are asked for.
func soak() bool { return os.Getenv("TRIVIUM_SOAK") != "" }

// report prints the figures.
func (s *suite) report(t *testing.T) {
	t.Helper()
	if len(s.ready) == 0 {
		t.Fatal("no server was ever ready")
	}
	slices.Sort(s.ready)
	t.Logf("%d rounds, %d crashes, %d calls acknowledged (%v); ready again after %v (median), %v (greatest)",
		s.rounds, s.crashes, s.calls, s.door, s.ready[len(s.ready)/2].Round(time.Millisecond), s.ready[len(s.ready)-1].Round(time.Millisecond))
	for _, point := range names() {
		t.Logf("%-24s %d", point, s.hits[point])
	}
}

// runLane runs rounds, one after the other, some of them on the same data.
func runLane(t *testing.T, s *suite, seed uint64, lossy bool) {
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	var l *lane
	for i := 0; s.nextRound(); i++ {
		if i%roundsPerDir == 0 {
			l.close(t)
			l = newLane(t, s, rnd, lossy)
		}
		if err := l.round(t.Context()); err != nil {
			t.Fatalf("seed %d, round %d: %v\nhistory of this directory:\n%s", seed, i, err, strings.Join(l.history, "\n"))
		}
	}
	l.close(t)
}

// newLane copies the template and mounts the copy if it is to be lossy.
func newLane(t *testing.T, s *suite, rnd *rand.Rand, lossy bool) *lane {
	t.Helper()
	dir := t.TempDir()
	l := &lane{s: s, rnd: rnd, seed: rnd.Uint64(), data: filepath.Join(dir, "data"), log: filepath.Join(dir, "crash.log")}
	l.workers = newWorkers(l.seed)
	target := l.data
	if lossy {
		l.backing = filepath.Join(dir, "disk")
		target = filepath.Join(l.backing, "data")
	}
	if err := copyTree(s.template, target); err != nil {
		t.Fatal(err)
	}
	if lossy {
		mount := filepath.Join(dir, "mount")
		if err := os.Mkdir(mount, 0o700); err != nil {
			t.Fatal(err)
		}
		l.data = filepath.Join(mount, "data")
		if err := l.mount(mount); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.unmount() })
	}
	return l
}

// close removes what the lane left, so that a long run does not fill the disk.
func (l *lane) close(t *testing.T) {
	t.Helper()
	if l == nil {
		return
	}
	if err := l.unmount(); err != nil {
		t.Error(err)
	}
	_ = os.RemoveAll(filepath.Dir(l.log))
}

func (l *lane) mount(dir string) (err error) {
	l.lossy, err = lossyfs.Mount(l.backing, dir)
	return err
}

// unmount ends a lossy file system; the backing directory has what was durable.
func (l *lane) unmount() error {
	if l.lossy == nil {
		return nil
	}
	err := l.lossy.Unmount()
	l.lossy = nil
	return err
}

// round crashes the server some times under load, then reads everything back, stops it in order, collects and
// compares the names in the space with the layouts.
func (l *lane) round(ctx context.Context) error {
	for range crashesPerRound {
		if err := l.crash(ctx); err != nil {
			return err
		}
	}
	p, err := l.start(ctx, "", "")
	if err != nil {
		return err
	}
	if p.ready == 0 {
		return fmt.Errorf("the server died at its start: %w\n%s", p.err, p.out)
	}
	l.note("verify", p)
	if err := verify(ctx, p, l.workers); err != nil {
		p.kill()
		return fmt.Errorf("%w\n%s", err, p.out)
	}
	if err := p.stop(); err != nil {
		return err
	}
	return l.check(ctx)
}

// start starts a server on the lane's data.
func (l *lane) start(ctx context.Context, point, log string) (*process, error) {
	p, err := start(ctx, l.s.binary, l.data, point, log)
	if err == nil {
		p.packages = l.s.packages
	}
	return p, err
}

// check collects on the stopped server's data and inspects it. Of a lossy file system the durable state is looked
// at: an orderly stop has to leave nothing unsynced.
func (l *lane) check(ctx context.Context) error {
	data := l.data
	if l.lossy != nil {
		if err := l.unmount(); err != nil {
			return err
		}
		data = filepath.Join(l.backing, "data")
	}
	if err := collect(ctx, l.s.binary, data); err != nil {
		return err
	}
	if err := inspect(ctx, data); err != nil {
		return err
	}
	if l.backing != "" {
		return l.mount(filepath.Dir(l.data))
	}
	return nil
}

// crash runs load on the server until it dies at a point, or kills it when it does not get there.
func (l *lane) crash(ctx context.Context) error {
	a := l.s.aim(l.rnd)
	_ = os.Remove(l.log)
	p, err := l.start(ctx, fmt.Sprintf("%s:%d", a.point, a.count), l.log)
	if err != nil {
		return err
	}
	l.note(fmt.Sprintf("%s:%d", a.point, a.count), p)
	found := error(nil)
	if p.ready > 0 && strings.HasPrefix(a.point, "lists.") {
		found = longList(ctx, p)
	}
	if p.ready > 0 && found == nil {
		found = run(ctx, p, l.workers, loadLimit)
	}
	p.kill()
	if found == nil && !p.killed() {
		found = fmt.Errorf("the server ended by itself: %w", p.err)
	}
	if found == nil && strings.Contains(p.out.String(), "panic") {
		found = errors.New("panic")
	}
	if found != nil {
		return fmt.Errorf("%w\n%s", found, p.out)
	}
	l.book(a, p)
	return l.cut()
}

// book counts the crash.
func (l *lane) book(a aim, p *process) {
	log, _ := os.ReadFile(l.log)
	hit := strings.Contains(string(log), "crash "+a.point+"\n")
	if !hit {
		l.history[len(l.history)-1] += " (not reached: killed at random)"
		l.s.again(a)
	}
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	l.s.crashes++
	for _, w := range l.workers {
		l.s.calls += w.calls
		l.s.door.add(w.door)
		w.calls, w.door = 0, doorUse{}
	}
	if hit {
		l.s.hits[a.point]++
	}
	if p.ready > 0 {
		l.s.ready = append(l.s.ready, p.ready)
	}
}

// note remembers a life of the server.
func (l *lane) note(what string, p *process) {
	l.history = append(l.history, fmt.Sprintf("%s, ready after %v", what, p.ready.Round(time.Millisecond)))
}

// cut turns the power off on a lossy file system: every other time a part of what was not synced stays.
func (l *lane) cut() error {
	if l.lossy == nil {
		return nil
	}
	l.luck = 0.4 - l.luck
	lost, err := l.lossy.Cut(l.rnd.Uint64(), l.luck)
	l.history[len(l.history)-1] += fmt.Sprintf(", cut with luck %v lost %+v", l.luck, lost)
	return err
}

// TestPoints: every named point of the program is one that the rounds aim at, or one that is known to be out of
// their reach.
func TestPoints(t *testing.T) {
	literal := regexp.MustCompile(`\b[hH]ook\("([a-z]+(?:\.[a-z]+)+)"\)`)
	found := map[string]bool{}
	for _, dir := range []string{"core", "s3front", "davfront", "nativeapi", "server", "cmd"} {
		err := filepath.WalkDir(filepath.Join("..", "..", dir), func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile(path)
			for _, match := range literal.FindAllSubmatch(source, -1) {
				found[string(match[1])] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for point := range found {
		if points()[point] == 0 && unreached()[point] == "" {
			t.Errorf("the point %s is aimed at by no round", point)
		}
	}
	for _, point := range names() {
		if !found[point] {
			t.Errorf("the program has no point %s", point)
		}
	}
}
