package dynamo_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"sluice/shared/catalog"
	"sluice/shared/dynamo"
	"sluice/shared/problem"
	"sluice/shared/settings"
	"sluice/shared/usage"
)

// A cursor comes from a client: whatever it is, it is one of ours or problem.Invalid, and nothing else.
func FuzzCursor(f *testing.F) {
	table := canned(`{"Items":[],"Count":0}`).open(f)
	teams := dynamo.NewResources[catalog.Team](table)
	for _, seed := range []string{"", "AAAA", "1mCu9nRlYW0tMDAw", "====", "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, cursor string) {
		if _, err := teams.List(t.Context(), catalog.Query{Cursor: cursor}); err != nil && !problem.Is(err, problem.Invalid) {
			t.Errorf("%q: %v", cursor, err)
		}
	})
}

// An answer comes from another machine: whatever it is, it is read or it is an error.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `[]`, `null`, `{"Items":[{"pk":{"S":"feed"},"sk":{"S":"head"},"seq":{"N":"1e400"}}]}`,
		`{"Items":[{"pk":{"S":"usage#hour#orders"},"sk":{"S":"2026-11-23T12:00:00Z#v1#op#shop"},"n_calls":{"N":"1"}}],"Count":1}`,
		`{"Items":[{"pk":{"S":"usage"},"sk":{"S":"##"},"n_calls":{"S":"1"}}],"LastEvaluatedKey":{"sk":{"N":"1"}}}`,
		`{"Item":{"doc":{"S":"{\"key\":7}"},"parts":{"N":"-1"},"size_b":{"N":"99999999999"}}}`,
		`{"Attributes":{"tat":{"N":"0.5"}}}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		table, ctx := canned(body).open(t), t.Context()
		_, _ = table.Credential(ctx, "h")
		_, _ = table.RevisionChunk(ctx, "orders", "v1", "r", "index")
		_, _ = table.LimitState(ctx, "s1")
		_, _ = table.Audit(ctx, dynamo.AuditQuery{})
		if entries, err := table.Since(ctx, 3); err == nil {
			for n, e := range entries {
				if e.Seq != int64(n+4) {
					t.Errorf("a gap: %+v", entries)
				}
			}
		}
		_, _ = table.Hint(ctx, "up")
		_, _ = table.Alerts(ctx, "s1")
		_, _ = table.UsageBuckets(ctx, "orders", usage.Hour, time.Unix(0, 0), time.Unix(3600, 0))
	})
}

// refusal refuses every write with an item that is there.
type refusal string

// RoundTrip answers.
func (r refusal) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := canned(`{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","Item":` + string(r) + `}`).RoundTrip(req)
	res.StatusCode = http.StatusBadRequest
	return res, err
}

// An item that is there may have been written by anybody: a slot or a call is only given by a write that landed, or by an item
// that says so.
func FuzzRefusal(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `null`, `{"holders":{"M":{"a":{"N":"1"}}}}`, `{"holders":{"M":{"ann":{"N":"4102444800000001"}}}}`,
		`{"holders":{"M":{"a":{"S":"1"}}}}`, `{"holders":{"L":[]}}`, `{"holders":{"M":{}}}`, `{"until_us":{"N":"1e9"},"body":{"B":"eA=="}}`,
		`{"held_by":{"S":"ann"},"expires_at":{"S":"never"}}`, `{"mark":{"S":"m"}}`,
	} {
		f.Add(seed)
	}
	until := time.Unix(4102444800, 0) // 2100
	f.Fuzz(func(t *testing.T, item string) {
		table, err := dynamo.Open(settings.Table{Name: "sluice", Region: "eu-central-1", Endpoint: "http://store.invalid"},
			dynamo.WithTransport(refusal(item)), dynamo.WithClock(func() time.Time { return until.Add(-time.Hour) }),
			dynamo.WithSleep(func(ctx context.Context, _ time.Duration) error { return ctx.Err() }))
		if err != nil {
			t.Fatal(err)
		}
		held, err := table.TakeSlot(t.Context(), "up", "ann", 3, until)
		if held && (err != nil || !strings.Contains(item, "ann") && !strings.Contains(item, `\u`)) {
			t.Errorf("%s: a slot, %v", item, err)
		}
		if _, won, err := table.ClaimCall(t.Context(), "c", "ann", "f", until, until); won {
			t.Errorf("%s: a call, %v", item, err)
		}
		if first, err := table.PutAlert(t.Context(), catalog.LimitAlert{Counter: "s1"}, until); first {
			t.Errorf("%s: the first alert, %v", item, err)
		}
	})
}
