package fault_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/scripts/sluice/fault"
)

// rig is a drill with a clock, a pause and a die that the test holds, and a server behind it that counts.
type rig struct {
	t     *testing.T
	drill *fault.Drill
	url   string
	proxy *http.Client

	mu    sync.Mutex
	now   time.Time
	slept []time.Duration
	draws []float64 // the die, in order; then 0.5
	seen  int
}

func newRig(t *testing.T, target fault.Target, draws ...float64) *rig {
	t.Helper()
	r := &rig{t: t, now: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), draws: draws}
	r.drill = fault.NewDrill(fault.World{Now: r.clock, Sleep: r.sleep, Random: r.die})
	behind := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.seen++
		_, _ = w.Write([]byte("answer"))
	})
	s, err := r.drill.StandIn(t.Context(), target, behind)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	r.url = s.URL()
	r.proxy = &http.Client{Transport: &http.Transport{MaxIdleConns: 1}}
	t.Cleanup(r.proxy.CloseIdleConnections)
	return r
}

func (r *rig) clock() time.Time { r.mu.Lock(); defer r.mu.Unlock(); return r.now }

func (r *rig) advance(d time.Duration) { r.mu.Lock(); defer r.mu.Unlock(); r.now = r.now.Add(d) }

func (r *rig) sleep(ctx context.Context, d time.Duration) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.slept = append(r.slept, d)
	return ctx.Err()
}

func (r *rig) die() float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.draws) == 0 {
		return 0.5
	}
	n := r.draws[0]
	r.draws = r.draws[1:]
	return n
}

func (r *rig) inject(texts ...string) {
	r.t.Helper()
	faults, err := fault.ParseAll(texts)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := r.drill.Inject(faults...); err != nil {
		r.t.Fatal(err)
	}
}

// call sends a POST, which no client repeats by itself, and gives the status (0 without an answer), its header and body.
func (r *rig) call() (int, http.Header, string) {
	r.t.Helper()
	res, err := r.proxy.Post(r.url+"/x", "text/plain", strings.NewReader("question"))
	if err != nil {
		return 0, nil, err.Error()
	}
	body, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return 0, nil, err.Error()
	}
	return res.StatusCode, res.Header, string(body)
}

func (r *rig) want(what string, status, seen int) {
	r.t.Helper()
	got, _, body := r.call()
	r.mu.Lock()
	defer r.mu.Unlock()
	if got != status || r.seen != seen {
		r.t.Errorf("%s: %d %s, and %d calls came through; want %d and %d", what, got, body, r.seen, status, seen)
	}
}

func TestWithoutFaultsEverythingPasses(t *testing.T) {
	r := newRig(t, fault.Store)
	r.inject("upstream=down:1h", "upstream=errors:100%")
	r.want("a fault of the other target", 200, 1)
}

func TestAnOutageResetsOpenAndNewConnectionsAndHealsAtItsEnd(t *testing.T) {
	r := newRig(t, fault.Store)
	r.want("before it is told", 200, 1) // this connection stays open
	r.inject("store=down:20s@10s")
	r.want("before its start", 200, 2)
	r.advance(10 * time.Second)
	if status, _, why := r.call(); status != 0 || !strings.Contains(why, "reset") && !strings.Contains(why, "EOF") && !strings.Contains(why, "broken pipe") {
		t.Errorf("on an open connection: %d %s", status, why)
	}
	if status, _, why := r.call(); status != 0 || !strings.Contains(why, "reset") && !strings.Contains(why, "EOF") && !strings.Contains(why, "broken pipe") {
		t.Errorf("on a new connection: %d %s", status, why)
	}
	r.advance(20*time.Second - 1)
	r.want("at its last instant", 0, 2)
	r.advance(1)
	r.want("after its end", 200, 3)
	if s := r.drill.Status(); s[0].State != fault.Over || s[0].Hits < 3 {
		t.Errorf("%+v", s)
	}
}

func TestAnAnswerUnderWayIsCutOffByAnOutage(t *testing.T) {
	r := newRig(t, fault.Upstream)
	begun, goOn := make(chan struct{}), make(chan struct{})
	s, err := r.drill.StandIn(t.Context(), fault.Upstream, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(begun)
		<-goOn
		_, _ = w.Write([]byte("too late"))
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r.url = s.URL()
	answered := make(chan int)
	go func() { status, _, _ := r.call(); answered <- status }()
	<-begun
	r.inject("upstream=down:5s")
	close(goOn)
	if status := <-answered; status != 0 {
		t.Errorf("the answer arrives, with status %d", status)
	}
}

func TestLatencyDelaysEachRequestByDelayAndJitter(t *testing.T) {
	r := newRig(t, fault.Store, 0, 0.5, 0.75)
	r.inject("store=latency:200ms~100ms", "store=latency:1s@0s+5s")
	r.want("least jitter", 200, 1)
	r.want("none", 200, 2)
	r.advance(5 * time.Second)
	r.want("after the second one's end", 200, 3)
	want := []time.Duration{1100 * time.Millisecond, 1250 * time.Millisecond, 200 * time.Millisecond}
	if diff := cmp.Diff(want, r.slept); diff != "" {
		t.Error(diff)
	}
}

func TestASlowTargetLetsGoOfACallerThatHasGone(t *testing.T) {
	r := newRig(t, fault.Upstream)
	r.drill = fault.NewDrill(fault.World{Now: r.clock, Sleep: fault.Sleep, Random: r.die})
	r.inject("upstream=latency:5m")
	s, err := r.drill.StandIn(t.Context(), fault.Upstream, http.NotFoundHandler())
	if err != nil {
		t.Fatal(err)
	}
	r.url = s.URL()
	answered := make(chan int)
	go func() { status, _, _ := r.call(); answered <- status }()
	s.Close() // does not wait for minutes
	if status := <-answered; status != 0 {
		t.Errorf("status %d", status)
	}
}

func TestErrorsAndThrottlingAreAnsweredAsTheTargetWouldAndNotCarriedOut(t *testing.T) {
	for name, c := range map[string]struct {
		target fault.Target
		kind   string
		status int
		body   string
	}{
		"an error of the store":       {fault.Store, "errors", 500, `"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError"`},
		"throttling by the store":     {fault.Store, "throttle", 400, `"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"`},
		"an error of an upstream":     {fault.Upstream, "errors", 503, "drill"},
		"throttling by an upstream":   {fault.Upstream, "throttle", 429, "drill"},
		"an upstream's other failure": {fault.Upstream, "lost", 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, c.target, 0.2, 0.19)
			r.inject(fmt.Sprintf("%s=%s:20%%", c.target, c.kind))
			r.want("a request that is spared", 200, 1)
			status, h, body := r.call()
			if status != c.status || c.status != 0 && (!strings.Contains(body, c.body) || r.seen != 1) {
				t.Errorf("%d %s, %d seen", status, body, r.seen)
			}
			if c.target == fault.Store && h.Get("X-Amz-Crc32") != strconv.FormatUint(uint64(crc32.ChecksumIEEE([]byte(body))), 10) {
				t.Errorf("the checksum is %s", h.Get("X-Amz-Crc32"))
			}
			if c.status == 429 && h.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			if s := r.drill.Status(); s[0].Hits != 1 {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestALostAnswerIsOfARequestThatWasCarriedOut(t *testing.T) {
	r := newRig(t, fault.Store)
	r.inject("store=lost:100%")
	r.want("lost", 0, 1)
	r.drill.Clear()
	r.want("cleared", 200, 2)
}

func TestClearEndsWhatIsActiveAndWhatWaits(t *testing.T) {
	r := newRig(t, fault.Store)
	r.inject("store=errors:100%", "store=down:1h@1h")
	r.want("before", 500, 0)
	r.drill.Clear()
	r.want("after", 200, 1)
	r.advance(time.Hour)
	r.want("when the other one was due", 200, 2)
}

func TestADrillIsBoundedAndWhatIsOverMakesRoom(t *testing.T) {
	r := newRig(t, fault.Store)
	for range 32 {
		r.inject("store=down:1s@1h")
	}
	f, err := fault.Parse("store=down:1s")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.drill.Inject(f); !errors.Is(err, fault.ErrTooMany) {
		t.Error(err)
	}
	r.advance(2 * time.Hour)
	if err := r.drill.Inject(f); err != nil || len(r.drill.Status()) != 1 {
		t.Errorf("%v; %d faults", err, len(r.drill.Status()))
	}
}

func TestABeginningAndAnEndAreSaidOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := fault.NewDrill(fault.World{Now: time.Now, Sleep: fault.Sleep, Random: func() float64 { return 0 }})
		said := make(chan string, 10)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go d.Watch(ctx, func(format string, args ...any) { said <- fmt.Sprintf(format, args...) })
		f, err := fault.Parse("store=down:20s@10s")
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Inject(f); err != nil {
			t.Fatal(err)
		}
		for i, want := range []string{"", "fault store=down:20s@10s begins", "", "fault store=down:20s@10s is over, 0 hit", ""} {
			got := ""
			synctest.Wait()
			if len(said) > 0 {
				got = <-said
			}
			if got != want || len(said) > 0 {
				t.Errorf("after %d0 s it says %q, want %q", i, got, want)
			}
			time.Sleep(10 * time.Second)
		}
	})
}

func TestARunningDrillIsToldThroughItsDataFolder(t *testing.T) {
	r, folder := newRig(t, fault.Store), t.TempDir()
	c, err := r.drill.Control(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(folder, fault.FileName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if out := sluiceFault(t, "--data-dir", folder); out != "no faults\n" {
		t.Errorf("%q", out)
	}
	if out := sluiceFault(t, "--data-dir", folder, "store=errors:100%"); !strings.Contains(out, "store=errors:100%  active") {
		t.Errorf("%q", out)
	}
	r.want("told", 500, 0)
	if out := sluiceFault(t, "--data-dir", folder, "--clear"); !strings.Contains(out, "over") || !strings.Contains(out, "1 hit") {
		t.Errorf("%q", out)
	}
	r.want("cleared", 200, 1)
	base := c.URL()[:strings.LastIndexByte(c.URL(), '/')]
	for _, path := range []string{"", "/", "/faults"} { // whoever does not know the path learns nothing
		res, err := http.Get(base + path)
		if err != nil || res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %v, %v", path, res, err)
		}
		_ = res.Body.Close()
	}
	res, err := http.Post(c.URL(), "application/json", strings.NewReader(`{"faults":["store=up:1s"]}`))
	if err != nil || res.StatusCode != http.StatusBadRequest {
		t.Errorf("%v, %v", res, err)
	}
	_ = res.Body.Close()
	c.Close()
	if _, err := fault.Tell(t.Context(), folder); !errors.Is(err, fault.ErrNoDrill) {
		t.Errorf("after its end: %v", err)
	}
}

func sluiceFault(t *testing.T, args ...string) string {
	t.Helper()
	c := fault.Command(func(string) (string, bool) { return "", false })
	var out bytes.Buffer
	c.SetOut(&out)
	c.SetArgs(args)
	if err := c.ExecuteContext(t.Context()); err != nil {
		t.Errorf("%q: %v", args, err)
	}
	return out.String()
}

func TestACommandThatCannotBeSaysWhy(t *testing.T) {
	for want, args := range map[string][]string{
		"the kind must be":       {"store=up:1s"},
		"--clear takes no":       {"--clear", "store=down:1s"},
		"no local cloud with a ": {"--data-dir", t.TempDir(), "store=down:1s"},
	} {
		c := fault.Command(func(string) (string, bool) { return "", false })
		c.SetArgs(args)
		c.SilenceErrors, c.SilenceUsage = true, true
		if err := c.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", args, err)
		}
	}
}
