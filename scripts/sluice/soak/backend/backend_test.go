package backend_test

import (
	"context"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/scripts/sluice/fault"
	"sluice/scripts/sluice/soak/backend"
)

func open(t *testing.T, lanes map[string]backend.Behaviour) *backend.Backend {
	t.Helper()
	b, err := backend.Open(t.Context(), lanes)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// call calls a lane with this request id and more fields, and gives the answer's status; 0 if there is none.
func call(t *testing.T, b *backend.Backend, lane, id string, fields ...string) (int, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.URL()+"/things/"+lane, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Request-Id", id)
	for i := 0; i+1 < len(fields); i += 2 {
		req.Header.Set(fields[i], fields[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil
	}
	_ = res.Body.Close()
	return res.StatusCode, res.Header
}

func TestACallIsCountedOnceHoweverOftenItIsTried(t *testing.T) {
	b := open(t, map[string]backend.Behaviour{"a": {}, "b": {}})
	for _, id := range []string{"1", "2", "1", "1", "3"} {
		status, header := call(t, b, "a", id, "X-Sluice-App", "shop")
		if status != http.StatusOK || header.Get(backend.CallField) != id || header.Get(backend.CallerField) != "shop" {
			t.Errorf("call %s: %d, %v", id, status, header)
		}
	}
	call(t, b, "a", "")
	if diff := cmp.Diff(backend.Tally{Calls: 3, Repeats: 2, Most: 3, Nameless: 1}, b.Tally("a")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(backend.Tally{}, b.Tally("b")); diff != "" {
		t.Error(diff)
	}
}

func TestACallThatFailsHasBeenSeen(t *testing.T) {
	b := open(t, map[string]backend.Behaviour{"a": {}})
	for _, text := range []string{"upstream=errors:100%", "upstream=lost:100%", "upstream=throttle:100%"} {
		f, err := fault.Parse(text)
		if err != nil || b.Inject(f) != nil {
			t.Fatal(err)
		}
		call(t, b, "a", text)
		if !b.Saw(text) {
			t.Errorf("%s: the call was not seen", text)
		}
		b.Heal()
	}
	if got := b.Tally("a"); got.Calls != 3 {
		t.Errorf("%+v", got)
	}
}

func TestWhileItIsDownNoCallComes(t *testing.T) {
	b := open(t, map[string]backend.Behaviour{"a": {}})
	f, err := fault.Parse("upstream=down:1h")
	if err != nil || b.Inject(f) != nil {
		t.Fatal(err)
	}
	if status, _ := call(t, b, "a", "1"); status != 0 || b.Saw("1") {
		t.Errorf("it answers %d", status)
	}
	if hits := b.Faults()[0].Hits; hits == 0 {
		t.Error("the fault hit nobody")
	}
}

func TestAFaultOfTheStoreIsNotForAnUpstream(t *testing.T) {
	f, err := fault.Parse("store=down:1s")
	if err != nil {
		t.Fatal(err)
	}
	if open(t, nil).Inject(f) == nil {
		t.Error("it takes it")
	}
}

func TestACallThatComesAfterItWasGivenUpIsLate(t *testing.T) {
	b := open(t, map[string]backend.Behaviour{"a": {}})
	if b.Saw("1") {
		t.Error("it saw what was not sent")
	}
	call(t, b, "a", "1")
	if got := b.Tally("a"); got.Calls != 0 || got.Late != 1 || !b.Saw("1") {
		t.Errorf("%+v", got)
	}
}

func TestACallWithAKeyThatWasHereIsSeen(t *testing.T) {
	b := open(t, map[string]backend.Behaviour{"a": {Keyed: true}})
	for i, key := range []string{"x-1", "y-1", "x-2", "x-2", "x-70", "y-2", "x-6"} { // 70 and 6 share a place: to be sure, 6 counts as a repetition
		call(t, b, "a", string(rune('A'+i)), "Idempotency-Key", key)
	}
	if got := b.Tally("a"); got.Calls != 7 || got.Twice != 2 {
		t.Errorf("%+v", got)
	}
	call(t, b, "a", "none")
	if got := b.Tally("a"); got.Twice != 3 {
		t.Errorf("a call without a key is one: %+v", got)
	}
}

func TestTheMostCallsAtOnceAreCounted(t *testing.T) {
	b := open(t, map[string]backend.Behaviour{"a": {Slow: time.Minute}})
	ctx, cancel := context.WithCancel(t.Context())
	var calling sync.WaitGroup
	for _, id := range []string{"1", "2", "3"} {
		calling.Go(func() {
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.URL()+"/things/a", strings.NewReader(""))
			if err != nil {
				return
			}
			req.Header.Set("X-Request-Id", id)
			if res, err := http.DefaultClient.Do(req); err == nil {
				_ = res.Body.Close()
			}
		})
	}
	for b.Tally("a").AtOnce < 3 { // it comes to that, or the test runs out of its time
		runtime.Gosched()
	}
	cancel()
	calling.Wait()
}

func TestABurstBeyondARateIsMeasured(t *testing.T) {
	b := open(t, map[string]backend.Behaviour{"a": {Rate: 0.001}})
	for _, id := range []string{"1", "2", "3", "3"} {
		call(t, b, "a", id)
	}
	if got := b.Tally("a").Burst; got < 2.9 || got > 3 {
		t.Errorf("%v calls came at once, want 3", got)
	}
}

func TestACachedAnswerIsConfirmedByItsTag(t *testing.T) {
	b := open(t, map[string]backend.Behaviour{"a": {Cached: true}})
	_, header := call(t, b, "a", "1", "X-Sluice-App", "shop")
	status, again := call(t, b, "a", "2", "X-Sluice-App", "shop", "If-None-Match", header.Get("Etag"))
	if header.Get("Cache-Control") != "max-age=1" || status != http.StatusNotModified || again.Get(backend.CallField) != "2" {
		t.Errorf("%v, then %d, %v", header, status, again)
	}
	if status, _ := call(t, b, "a", "3", "X-Sluice-App", "other", "If-None-Match", header.Get("Etag")); status != http.StatusOK {
		t.Errorf("another's tag is confirmed: %d", status)
	}
}
