package dynamo_test

import (
	"testing"
	"time"

	"sluice/shared/catalog"
	"sluice/shared/dynamo"
	"sluice/shared/problem"
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
		_, _ = table.UsageBuckets(ctx, "orders", usage.Hour, time.Unix(0, 0), time.Unix(3600, 0))
	})
}
