package extension_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sluice/functions/proxy/extension"
)

// runtimeAPI is Lambda's side: it hands out events and knows how far the extension is.
type runtimeAPI struct {
	*httptest.Server
	asked      chan struct{}  // the extension asks for an event: the instance could be frozen
	events     chan string    // what it gets
	registered chan [2]string // name and body
	refuse     atomic.Int64   // so many calls fail
	t          *testing.T
}

func newRuntime(t *testing.T) *runtimeAPI {
	r := &runtimeAPI{asked: make(chan struct{}, 100), events: make(chan string), registered: make(chan [2]string, 1), t: t}
	r.Server = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(r.Close)
	return r
}

func (r *runtimeAPI) serve(w http.ResponseWriter, q *http.Request) {
	if r.refuse.Add(-1) >= 0 {
		http.Error(w, "no", http.StatusInternalServerError)
		return
	}
	switch q.Method + " " + q.URL.Path {
	case "POST /2020-01-01/extension/register":
		body, _ := io.ReadAll(q.Body)
		r.registered <- [2]string{q.Header.Get("Lambda-Extension-Name"), string(body)}
		w.Header().Set("Lambda-Extension-Identifier", "id-1")
	case "GET /2020-01-01/extension/event/next":
		if q.Header.Get("Lambda-Extension-Identifier") != "id-1" {
			r.t.Error("the extension does not say who it is")
		}
		r.asked <- struct{}{}
		select {
		case e := <-r.events:
			_, _ = io.WriteString(w, e)
		case <-q.Context().Done():
		}
	default:
		r.t.Errorf("unknown call %s %s", q.Method, q.URL.Path)
	}
}

func (r *runtimeAPI) address() string { return strings.TrimPrefix(r.URL, "http://") }

func invoke(within time.Duration) string {
	return fmt.Sprintf(`{"eventType":"INVOKE","deadlineMs":%d,"requestId":"r"}`, time.Now().Add(within).UnixMilli())
}

// running starts a registered extension. What it does is told on worked.
func running(t *testing.T, r *runtimeAPI) (x *extension.Extension, worked chan time.Time, ended chan error, stop func()) {
	t.Helper()
	x = extension.New(r.address())
	if err := x.Register(t.Context(), "usage"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	worked, ended = make(chan time.Time, 100), make(chan error, 1)
	go func() {
		ended <- x.Run(ctx, time.Hour, func(ctx context.Context) {
			deadline, _ := ctx.Deadline()
			worked <- deadline
		})
	}()
	t.Cleanup(cancel)
	return x, worked, ended, cancel
}

func TestItRegistersForInvocationsUnderItsName(t *testing.T) {
	r := newRuntime(t)
	running(t, r)
	got := <-r.registered
	var body struct{ Events []string }
	if err := json.Unmarshal([]byte(got[1]), &body); err != nil || got[0] != "usage" || fmt.Sprint(body.Events) != "[INVOKE]" {
		t.Errorf("registered %v, %v", got, err)
	}
}

func TestItWorksAfterTheAnswerAndThenAsksForTheNextEvent(t *testing.T) {
	r := newRuntime(t)
	x, worked, ended, stop := running(t, r)
	handle := extension.Notify(x, func(_ context.Context, in string) (string, error) {
		if len(worked) != 0 {
			t.Error("it worked before the answer")
		}
		return in + "!", nil
	})
	for range 3 {
		<-r.asked
		r.events <- invoke(time.Minute)
		if out, err := handle(t.Context(), "hello"); out != "hello!" || err != nil {
			t.Errorf("the handler's answer became %q, %v", out, err)
		}
		deadline := <-worked
		if left := time.Until(deadline); left <= 0 || left > time.Minute {
			t.Errorf("it may work for %v", left)
		}
	}
	<-r.asked
	stop()
	if err := <-ended; err != nil {
		t.Errorf("it ended with %v", err)
	}
}

func TestAnAnswerThatIsFasterThanTheEventIsNotMissed(t *testing.T) {
	r := newRuntime(t)
	x, worked, _, _ := running(t, r)
	<-r.asked
	_, _ = extension.Notify(x, func(context.Context, int) (int, error) { return 0, nil })(t.Context(), 1)
	r.events <- invoke(time.Minute)
	<-worked
}

func TestAnInvocationThatNeverAnswersDoesNotHoldTheInstance(t *testing.T) {
	r := newRuntime(t)
	_, worked, _, _ := running(t, r)
	<-r.asked
	r.events <- invoke(0)
	<-r.asked
	if len(worked) != 0 {
		t.Error("it worked without an answer")
	}
}

func TestAPanicOfTheHandlerCountsAsAnAnswer(t *testing.T) {
	r := newRuntime(t)
	x, worked, _, _ := running(t, r)
	<-r.asked
	r.events <- invoke(time.Minute)
	func() {
		defer func() { _ = recover() }()
		_, _ = extension.Notify(x, func(context.Context, int) (int, error) { panic("boom") })(t.Context(), 1)
	}()
	<-worked
}

func TestARuntimeThatFailsNowAndThenIsAskedAgainAndOneThatFailsForGoodEndsIt(t *testing.T) {
	r := newRuntime(t)
	x, worked, ended, _ := running(t, r)
	<-r.asked
	r.refuse.Store(3)
	r.events <- `{"eventType":"SHUTDOWN"}` // not one of ours: counts as a failure
	<-r.asked
	r.events <- invoke(time.Minute)
	_, _ = extension.Notify(x, func(context.Context, int) (int, error) { return 0, nil })(t.Context(), 1)
	<-worked
	<-r.asked
	r.refuse.Store(1000)
	r.events <- "garbage"
	if err := <-ended; err == nil {
		t.Error("it ended without an error")
	}
}

func TestRegisteringFails(t *testing.T) {
	r := newRuntime(t)
	r.refuse.Store(1)
	if err := extension.New(r.address()).Register(t.Context(), "usage"); err == nil {
		t.Error("a refusal is no error")
	}
	mute := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer mute.Close()
	if err := extension.New(strings.TrimPrefix(mute.URL, "http://")).Register(t.Context(), "usage"); err == nil {
		t.Error("an answer without an identifier is no error")
	}
	for _, nowhere := range []string{"", "127.0.0.1:1", "%"} {
		if err := extension.New(nowhere).Register(t.Context(), "usage"); err == nil {
			t.Errorf("%q: no error", nowhere)
		}
	}
}

func TestWithoutARuntimeItWorksOnceABeat(t *testing.T) {
	x := extension.New("")
	ctx, cancel := context.WithCancel(t.Context())
	worked, ended := make(chan struct{}, 10), make(chan error, 1)
	go func() { ended <- x.Run(ctx, 0, func(context.Context) { worked <- struct{}{} }) }()
	<-worked
	<-worked
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
