// Package engine starts DynamoDB engines for tests and benchmarks: dynoxide, one in-memory process that all tests running
// in a test binary share, and DynamoDB Local, where its jars are there. Every test gets a table of its own.
//
// Every process ends with the last test that uses it. On Linux the kernel ends it too if the test binary is killed.
package engine

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/shared/dynamo"
	"sluice/shared/settings"
)

// Dynoxide gives the settings of a table that does not exist yet, with a name of its own, in the shared in-memory engine.
// A missing engine fails the test and says how to install it.
func Dynoxide(t testing.TB) settings.Table {
	t.Helper()
	return table(t, inMemory.use(t))
}

// Table gives a fresh, empty table in the engine of this run, and its settings for whoever must open it again. That is the
// shared in-memory one, or DynamoDB Local if SLUICE_ENGINE is "dynamodb-local".
func Table(t testing.TB, options ...dynamo.Option) (*dynamo.Table, settings.Table) {
	t.Helper()
	var cfg settings.Table
	switch name := Name(); name {
	case "dynoxide":
		cfg = Dynoxide(t)
	case "dynamodb-local":
		cfg = Local(t)
	default:
		t.Fatalf("SLUICE_ENGINE is %q: want dynoxide or dynamodb-local", name)
	}
	return Open(t, cfg, options...), cfg
}

// Name is that of the engine of this run, as SLUICE_ENGINE says: "dynoxide" or "dynamodb-local".
func Name() string { return cmp.Or(os.Getenv("SLUICE_ENGINE"), "dynoxide") }

// Run runs the tests of a binary and keeps the engines that they start until the last one has ended: DynamoDB Local takes
// seconds to start. A TestMain exits with what it gives.
func Run(m *testing.M) (code int) {
	for _, s := range []*shared{inMemory, local} {
		s.keep()
		defer s.end()
	}
	return m.Run()
}

// Local is Dynoxide for DynamoDB Local. It needs Java and the jars in the folder that SLUICE_DYNAMODB_LOCAL names, as
// scripts/tools/dynamodb-local.sh arranges. Without them the test is skipped, or failed if SLUICE_REQUIRE_DYNAMODB_LOCAL
// is 1.
func Local(t testing.TB) settings.Table {
	t.Helper()
	return table(t, local.use(t))
}

// Open opens a table and makes sure that it is there.
func Open(t testing.TB, cfg settings.Table, options ...dynamo.Option) *dynamo.Table {
	t.Helper()
	store, err := dynamo.Open(cfg, options...)
	if err != nil {
		t.Fatalf("open the table: %v", err)
	}
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	if err := store.EnsureTable(ctx); err != nil {
		t.Fatalf("create the table: %v", err)
	}
	return store
}

// Disk is an engine that keeps its data in a file, can be killed, and started again on the same address.
type Disk struct {
	t     testing.TB
	bin   string
	file  string
	port  int
	table settings.Table
	child *process
}

// OnDisk starts a dynoxide of its own for the test, on a file.
func OnDisk(t testing.TB) *Disk {
	t.Helper()
	bin, err := find()
	if err != nil {
		t.Fatal(err)
	}
	d := &Disk{t: t, bin: bin, file: filepath.Join(t.TempDir(), "table.db")}
	for tries := 0; ; tries++ {
		d.port = freePort(t)
		if err := d.start(); err == nil {
			break
		} else if tries == 5 {
			t.Fatal(err)
		}
	}
	d.table = table(t, d.child.endpoint)
	t.Cleanup(d.Kill)
	return d
}

// Settings are those of a table in the engine; the same ones after a restart.
func (d *Disk) Settings() settings.Table { return d.table }

// Kill ends the engine at once, as kill -9 does, and waits until it is gone.
func (d *Disk) Kill() { d.child.kill() }

// Restart starts the engine again, on the same file and address.
func (d *Disk) Restart() {
	d.t.Helper()
	d.Kill()
	if err := d.start(); err != nil {
		d.t.Fatal(err)
	}
}

func (d *Disk) start() (err error) {
	d.child, err = start("listening on", d.port, d.bin,
		"serve", "--host", "127.0.0.1", "--port", strconv.Itoa(d.port), "--db-path", d.file)
	return err
}

// shared is an engine that the tests of a binary share. It is started by the first and ended by the last that uses it, or
// at the end of Run.
type shared struct {
	launch func(testing.TB) (*process, error)

	mu    sync.Mutex
	users int
	kept  bool
	child *process // nil if none runs
}

// The engines of this test binary: processes are shared by nature, and their tables are not.
var (
	inMemory = &shared{launch: launchDynoxide}
	local    = &shared{launch: launchLocal}
)

func (s *shared) use(t testing.TB) (endpoint string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.child == nil {
		child, err := s.launch(t)
		if err != nil {
			t.Fatal(err)
		}
		s.child = child
	}
	s.users++
	t.Cleanup(s.release)
	return s.child.endpoint
}

func (s *shared) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users--; s.users == 0 && !s.kept {
		s.child.kill()
		s.child = nil
	}
}

func (s *shared) keep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = true
}

// end ends what runs after the last test.
func (s *shared) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.child != nil {
		s.child.kill()
		s.child = nil
	}
}

func launchDynoxide(t testing.TB) (*process, error) {
	bin, err := find()
	if err != nil {
		return nil, err
	}
	for tries := 0; ; tries++ {
		port := freePort(t)
		child, err := start("listening on", port, bin, "serve", "--host", "127.0.0.1", "--port", strconv.Itoa(port))
		if err == nil || tries == 5 {
			return child, err
		}
	}
}

// launchLocal starts DynamoDB Local. It listens on all interfaces, and there is no option against that: its port is random,
// it holds nothing but test data, and scripts/tools/dynamodb-local.sh runs the suite in a network of its own where it can.
// Compiled quickly rather than well, and with the simplest collector, it takes half of the processor time in so short a life.
func launchLocal(t testing.TB) (*process, error) {
	dir := os.Getenv("SLUICE_DYNAMODB_LOCAL")
	jars, err := filepath.Glob(filepath.Join(dir, "DynamoDBLocal-*.jar"))
	java, javaErr := exec.LookPath("java")
	if err != nil || javaErr != nil || len(jars) == 0 {
		why := "DynamoDB Local needs java, and SLUICE_DYNAMODB_LOCAL to name the folder of its jars: run `make store`"
		if os.Getenv("SLUICE_REQUIRE_DYNAMODB_LOCAL") == "1" {
			return nil, errors.New(why)
		}
		t.Skip(why)
	}
	for tries := 0; ; tries++ {
		port := freePort(t)
		child, err := start("Port:", port, java, "-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
			"-Djava.library.path="+dir, "-cp", filepath.Join(dir, "*"),
			"software.amazon.dynamodb.services.local.main.ServerRunner",
			"-port", strconv.Itoa(port), "-sharedDb", "-disableTelemetry", "-inMemory")
		if err == nil {
			warm(t, child.endpoint)
		}
		if err == nil || tries == 2 {
			return child, err
		}
	}
}

// warm has a table made that nobody uses: the first one takes seconds, which is longer than a function waits.
func warm(t testing.TB, endpoint string) {
	t.Helper()
	Open(t, table(t, endpoint), dynamo.WithTimeout(time.Minute))
}

// find looks for dynoxide where `make tools` puts it, then on PATH.
func find() (string, error) {
	pinned := filepath.Join(root(), "scripts", "tools", "node_modules", "@dynoxide", "linux-x64", "dynoxide")
	if _, err := os.Stat(pinned); err == nil {
		return pinned, nil
	}
	if found, err := exec.LookPath("dynoxide"); err == nil {
		return found, nil
	}
	return "", fmt.Errorf("no DynamoDB engine: run `make tools`, or put dynoxide on PATH (looked for %s)", pinned)
}

// root is the folder of go.mod, above the folder of the package under test.
func root() string {
	dir, err := os.Getwd()
	if err != nil {
		return "."
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "."
		}
		dir = up
	}
}

func table(t testing.TB, endpoint string) settings.Table {
	t.Helper()
	return settings.Table{
		Name: "t-" + strings.ToLower(rand.Text()), Region: "eu-central-1", Endpoint: endpoint,
		AccessKeyID: "local", SecretAccessKey: "local", // the engines accept any
	}
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("find a free port: %v", err)
	}
	defer l.Close() //nolint:errcheck // nothing was sent
	address, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatalf("find a free port: %v is no TCP address", l.Addr())
	}
	return address.Port
}

// Contains reports whether the bytes of the text are in the table's files, as the engine keeps them.
func (d *Disk) Contains(text string) bool {
	d.t.Helper()
	files, err := filepath.Glob(d.file + "*")
	if err != nil || len(files) == 0 {
		d.t.Fatalf("find the files of the table: %v, %v", files, err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f) // #nosec G304 -- a file of this test
		if err != nil {
			d.t.Fatal(err)
		}
		if bytes.Contains(b, []byte(text)) {
			return true
		}
	}
	return false
}
