package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/shared/catalog"
	"sluice/shared/dynamo"
	"sluice/shared/limit/counter"
	"sluice/shared/problem"
	"sluice/shared/usage"
)

var lost = []guarantee{
	{"a change whose answer is lost is made once and reported as made", lostAnswer},
	{"the same, where the store has forgotten its token", forgottenToken},
	{"a change whose request is lost is made once and reported as made", lostRequest},
	{"a change that lands late, after its repetition, is made once", lateRequest},
	{"a change whose answers are all lost is made and reported as made, once the store can be asked", lostForLong},
	{"a change that never arrives is reported as not known, and is not made", neverArrives},
	{"a caller that goes away learns of nothing, and the change is whole or not there", goesAway},
	{"what another did meanwhile is not taken for our own lost change", notOurs},
	{"a store that is away, slow, throttled or broken is unavailable", unavailable},
	{"a few failures of the store are not noticed", retried},
	{"a limit step whose answer is lost is taken once", lostLimit},
	{"a fold whose answer is lost is made once and reported as made", lostFold},
	{"conflicting transactions are tried again", conflicts},
}

// network is a transport that can be told to fail. plan sees each call's operation ("PutItem") and its number, from 1.
type network struct {
	plan func(operation string, n int) fault

	mu      sync.Mutex
	calls   int
	late    []*http.Request // requests held back by "delay"
	amnesia bool            // takes the token off each transaction, so that the store knows no repetition
	after   func()          // runs once the store has answered a call whose answer is then lost; may be nil
}

// fault is what happens to a call.
type fault int

const (
	fine fault = iota
	loseRequest
	loseAnswer
	delay // the request is lost for now and arrives when the network is told to
	hang
	throttle
	breakDown
	conflict
)

const namespace = "com.amazonaws.dynamodb.v20120810#"

var errLost = errors.New("connection reset by peer")

// RoundTrip makes a call, or does what the plan says.
func (n *network) RoundTrip(req *http.Request) (*http.Response, error) {
	operation := strings.TrimPrefix(req.Header.Get("X-Amz-Target"), "DynamoDB_20120810.")
	n.mu.Lock()
	n.calls++
	what := n.plan(operation, n.calls)
	n.mu.Unlock()
	if n.amnesia {
		if err := forget(req); err != nil {
			return nil, err
		}
	}
	switch what {
	case loseRequest:
		return nil, errLost
	case loseAnswer:
		res, err := http.DefaultTransport.RoundTrip(req)
		if err == nil {
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		}
		if n.after != nil {
			n.after()
		}
		return nil, errLost
	case delay:
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		held := req.Clone(context.WithoutCancel(req.Context()))
		held.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		n.mu.Lock()
		n.late = append(n.late, held)
		n.mu.Unlock()
		return nil, errLost
	case hang:
		<-req.Context().Done()
		return nil, req.Context().Err()
	case throttle:
		return answer(req, http.StatusBadRequest, `{"__type":"`+namespace+`ThrottlingException","message":"slow down"}`), nil
	case breakDown:
		return answer(req, http.StatusInternalServerError, `{"__type":"`+namespace+`InternalServerError","message":"oh"}`), nil
	case conflict:
		return answer(req, http.StatusBadRequest, conflicted(req)), nil
	case fine:
	}
	return http.DefaultTransport.RoundTrip(req)
}

// deliver lets the delayed requests arrive, each time it is called.
func (n *network) deliver(t *testing.T) {
	t.Helper()
	for _, req := range n.late {
		body, err := req.GetBody()
		must(t, err, "body")
		req.Body = body
		res, err := http.DefaultTransport.RoundTrip(req)
		must(t, err, "deliver")
		_ = res.Body.Close()
	}
}

var token = regexp.MustCompile(`"ClientRequestToken":"[^"]*",?`)

// forget takes the token off a transaction.
func forget(req *http.Request) error {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return err
	}
	body = token.ReplaceAll(body, nil)
	req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return nil
}

// conflicted is the answer to a transaction that met another, with a reason for each of its items.
func conflicted(req *http.Request) string {
	body, _ := io.ReadAll(req.Body)
	reasons := slices.Repeat([]string{`{"Code":"None"}`}, bytes.Count(body, []byte(`"TableName"`))-1)
	return `{"__type":"` + namespace + `TransactionCanceledException","message":"cancelled","CancellationReasons":[` +
		strings.Join(append(reasons, `{"Code":"TransactionConflict"}`), ",") + `]}`
}

func answer(req *http.Request, status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
		Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}}, Body: io.NopCloser(strings.NewReader(body))}
}

// transactions plans faults of transactions by their number, from 1; all else is fine.
func transactions(faults ...fault) func(string, int) fault {
	n := 0
	return func(operation string, _ int) fault {
		if operation != "TransactWriteItems" {
			return fine
		}
		if n++; n > len(faults) {
			return fine
		}
		return faults[n-1]
	}
}

// once fails unless team pay was created exactly once.
func (b bench) once(t *testing.T) {
	t.Helper()
	w := on(b.open(t))
	got, err := w.teams.Get(t.Context(), team("pay"))
	entries, sinceErr := w.table.Since(t.Context(), 0)
	ids, _ := walk(t, w, 0)
	if err != nil || got.Rev != 1 || sinceErr != nil || len(entries) != 1 || len(ids) != 1 {
		t.Errorf("%+v, %v; entries %v, %v; list %v", got, err, entries, sinceErr, ids)
	}
}

func lostAnswer(t *testing.T, b bench) {
	w := on(b.open(t, dynamo.WithTransport(&network{plan: transactions(loseAnswer, loseAnswer)})))
	must(t, w.teams.Create(t.Context(), by("team.create"), &catalog.Team{ID: "pay"}), "create")
	b.once(t)
	must(t, w.teams.Create(t.Context(), by("team.create"), &catalog.Team{ID: "ops"}), "create the next")
}

func forgottenToken(t *testing.T, b bench) {
	w := on(b.open(t, dynamo.WithTransport(&network{plan: transactions(loseAnswer, loseAnswer), amnesia: true})))
	made := catalog.Team{ID: "pay"}
	must(t, w.teams.Create(t.Context(), by("team.create"), &made), "create")
	b.once(t)
	table := b.open(t, dynamo.WithTransport(&network{plan: transactions(loseAnswer), amnesia: true}))
	p := usage.Pending{ID: "p1"}
	must(t, table.PutUsage(t.Context(), p, noon.AddDate(10, 0, 0)), "put")
	must(t, table.FoldUsage(t.Context(), []usage.Pending{p}, []usage.Delta{calls(1)}), "fold")
	b.folded(t, 1)
}

func lostRequest(t *testing.T, b bench) {
	w := on(b.open(t, dynamo.WithTransport(&network{plan: transactions(loseRequest, breakDown, throttle, loseRequest)})))
	must(t, w.teams.Create(t.Context(), by("team.create"), &catalog.Team{ID: "pay"}), "create")
	b.once(t)
}

func lateRequest(t *testing.T, b bench) {
	net := &network{plan: transactions(delay)}
	w := on(b.open(t, dynamo.WithTransport(net)))
	made := catalog.Team{ID: "pay"}
	must(t, w.teams.Create(t.Context(), by("team.create"), &made), "create")
	net.deliver(t)
	b.once(t)
	must(t, w.teams.Delete(t.Context(), by("team.delete"), &made), "delete")
	net.deliver(t)
	_, err := w.teams.Get(t.Context(), team("pay"))
	want(t, problem.NotFound, err, "a deleted team after the late request")
}

func lostForLong(t *testing.T, b bench) {
	plan := func(operation string, _ int) fault {
		if operation == "TransactWriteItems" {
			return loseAnswer
		}
		return fine
	}
	w := on(b.open(t, dynamo.WithTransport(&network{plan: plan})))
	must(t, w.teams.Create(t.Context(), by("team.create"), &catalog.Team{ID: "pay"}), "create")
	b.once(t)
}

func neverArrives(t *testing.T, b bench) {
	plan := func(operation string, _ int) fault {
		if operation == "TransactWriteItems" {
			return loseRequest
		}
		return fine
	}
	w := on(b.open(t, dynamo.WithTransport(&network{plan: plan})))
	want(t, problem.Unavailable, w.teams.Create(t.Context(), by("team.create"), &catalog.Team{ID: "pay"}), "create")
	if left := b.everything(t); left != "[]" {
		t.Errorf("left behind: %s", left)
	}
}

func goesAway(t *testing.T, b bench) {
	for _, when := range []fault{loseRequest, loseAnswer} {
		ctx, leave := context.WithCancel(t.Context())
		net := &network{plan: func(operation string, _ int) fault {
			if operation != "TransactWriteItems" {
				return fine
			}
			if when == loseRequest {
				leave()
			}
			return when
		}, after: leave}
		w := on(b.open(t, dynamo.WithTransport(net)))
		id := catalog.TeamID(fmt.Sprint("team-", when))
		err := w.teams.Create(ctx, by("team.create"), &catalog.Team{ID: id})
		_, readErr := on(b.open(t)).teams.Get(t.Context(), team(string(id)))
		if when == loseAnswer && (err != nil || readErr != nil) {
			t.Errorf("it was made: told %v, read %v", err, readErr)
		}
		if when == loseRequest && (!errors.Is(err, context.Canceled) || !problem.Is(readErr, problem.NotFound)) {
			t.Errorf("it was not made: told %v, read %v", err, readErr)
		}
		leave()
	}
}

func notOurs(t *testing.T, b bench) {
	other := on(b.open(t))
	net := &network{}
	n := 0
	net.plan = func(operation string, _ int) fault {
		if operation != "TransactWriteItems" {
			return fine
		}
		if n++; n == 1 {
			// Somebody else creates the same team, and ours is lost on the way.
			must(t, other.teams.Create(t.Context(), by("team.create"), &catalog.Team{ID: "pay", Name: "theirs"}), "create theirs")
			return loseRequest
		}
		return fine
	}
	w := on(b.open(t, dynamo.WithTransport(net)))
	want(t, problem.Conflict, w.teams.Create(t.Context(), by("team.create"), &catalog.Team{ID: "pay", Name: "ours"}), "create ours")
	b.once(t)
}

func unavailable(t *testing.T, b bench) {
	for name, what := range map[string]fault{"away": loseRequest, "slow": hang, "throttled": throttle, "broken": breakDown} {
		net := &network{plan: func(string, int) fault { return what }}
		w := on(b.open(t, dynamo.WithTimeout(time.Millisecond), dynamo.WithTransport(net)))
		ctx := t.Context()
		errs := map[string]error{}
		_, errs["credential"] = w.table.Credential(ctx, "h")
		_, errs["grant"] = w.table.Grant(ctx, "shop", "orders")
		_, errs["get"] = w.teams.Get(ctx, team("pay"))
		_, errs["list"] = w.teams.List(ctx, catalog.Query{})
		_, errs["head"] = w.table.Head(ctx)
		_, errs["since"] = w.table.Since(ctx, 0)
		_, errs["audit"] = w.table.Audit(ctx, dynamo.AuditQuery{})
		_, errs["replayed"] = w.table.Replayed(ctx, "x")
		_, errs["chunk"] = w.table.RevisionChunk(ctx, "orders", "v1", "r", "index")
		_, errs["limit state"] = w.table.LimitState(ctx, "s1")
		_, _, errs["apply limit"] = w.table.ApplyLimit(ctx, "s1", counter.Step{Expires: noon, RateSet: &counter.RateSet{To: 1, Below: 1}})
		_, errs["pending"] = w.table.PendingUsage(ctx, 0, 10)
		_, errs["buckets"] = w.table.UsageBuckets(ctx, "orders", usage.Hour, noon, noon.Add(time.Hour))
		_, errs["tombstoned"] = w.table.Tombstoned(ctx, "x")
		errs["create"] = w.teams.Create(ctx, by("team.create"), &catalog.Team{ID: "pay"})
		errs["put revision"] = w.table.PutRevision(ctx, "orders", "v1", "r", map[string][]byte{"index": {1}})
		errs["put usage"] = w.table.PutUsage(ctx, usage.Pending{ID: "p"}, noon)
		errs["drop usage"] = w.table.DropUsage(ctx, usage.Pending{ID: "p"})
		errs["fold"] = w.table.FoldUsage(ctx, []usage.Pending{{ID: "p"}}, nil)
		errs["ensure"] = w.table.EnsureTable(ctx)
		for call, err := range errs {
			if !problem.Is(err, problem.Unavailable) {
				t.Errorf("%s, %s: %v", name, call, err)
			}
		}
	}
	ctx, leave := context.WithCancel(t.Context())
	leave()
	if _, err := b.open(t).Head(ctx); !errors.Is(err, context.Canceled) || problem.Is(err, problem.Unavailable) {
		t.Errorf("a caller that went away: %v", err)
	}
}

func retried(t *testing.T, b bench) {
	for _, what := range []fault{loseRequest, throttle, breakDown} {
		w := on(b.open(t, dynamo.WithTransport(&network{plan: func(_ string, n int) fault {
			if n%3 != 0 {
				return what
			}
			return fine
		}})))
		if _, err := w.table.Head(t.Context()); err != nil {
			t.Errorf("%d: %v", what, err)
		}
		if _, err := w.teams.List(t.Context(), catalog.Query{}); err != nil {
			t.Errorf("%d: %v", what, err)
		}
	}
}

func lostLimit(t *testing.T, b bench) {
	table := b.open(t, dynamo.WithTransport(&network{plan: func(_ string, n int) fault {
		if n%2 == 1 {
			return loseAnswer
		}
		return fine
	}}))
	start := counter.Step{ID: 1, Place: 9, Expires: noon, QuotaReset: &counter.QuotaReset{Period: "2026-11", Units: 1}}
	after, applied, err := table.ApplyLimit(t.Context(), "s1", start)
	after.Seen = counter.Seen{}
	if want := (counter.State{Period: "2026-11", Used: 1}); after != want || !applied || err != nil {
		t.Errorf("%+v, %v, %v", after, applied, err)
	}
	for n := range 5 {
		more := counter.Step{ID: counter.Mark(n + 2), Place: 9, After: counter.Mark(n + 1), Expires: noon,
			QuotaAdd: &counter.QuotaAdd{Period: "2026-11", Units: 1, Most: 100}}
		after, applied, err := table.ApplyLimit(t.Context(), "s1", more)
		if after.Used != int64(n+2) || !applied || err != nil {
			t.Errorf("%+v, %v, %v", after, applied, err)
		}
	}
}

func lostFold(t *testing.T, b bench) {
	table := b.open(t, dynamo.WithTransport(&network{plan: transactions(loseAnswer, loseRequest)}))
	p := usage.Pending{ID: "p1"}
	must(t, table.PutUsage(t.Context(), p, noon.AddDate(10, 0, 0)), "put")
	must(t, table.FoldUsage(t.Context(), []usage.Pending{p}, []usage.Delta{calls(1)}), "fold")
	b.folded(t, 1)
}

func conflicts(t *testing.T, b bench) {
	w := on(b.open(t, dynamo.WithTransport(&network{plan: transactions(conflict, conflict, conflict)})))
	must(t, w.teams.Create(t.Context(), by("team.create"), &catalog.Team{ID: "pay"}), "create")
	b.once(t)
}
