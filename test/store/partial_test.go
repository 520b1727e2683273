package store_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"sluice/shared/catalog"
	"sluice/shared/dynamo"
	"sluice/shared/problem"
)

var partial = []guarantee{
	{"a batch that the store does piece by piece is done whole", piecemeal},
	{"a batch that the store does not get on with is unavailable", stuck},
	{"a batch waits for a store that is busy", busy},
	{"a change whose head is seen before its entry is told with it", halfSeen},
}

// editor is a transport that edits what goes by. before and after may be nil; both see the operation and the JSON.
type editor struct {
	before func(operation string, request map[string]any)
	after  func(operation string, answer map[string]any)
}

// RoundTrip makes a call.
func (e editor) RoundTrip(req *http.Request) (*http.Response, error) {
	operation := strings.TrimPrefix(req.Header.Get("X-Amz-Target"), "DynamoDB_20120810.")
	if e.before != nil {
		body, err := edit(req.Body, func(m map[string]any) { e.before(operation, m) })
		if err != nil {
			return nil, err
		}
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil || e.after == nil {
		return res, err
	}
	body, err := edit(res.Body, func(m map[string]any) { e.after(operation, m) })
	if err != nil {
		return nil, err
	}
	return answer(req, res.StatusCode, string(body)), nil
}

func edit(r io.ReadCloser, change func(map[string]any)) ([]byte, error) {
	defer r.Close() //nolint:errcheck // read only
	m := map[string]any{}
	if err := json.NewDecoder(r).Decode(&m); err != nil {
		return nil, err
	}
	change(m)
	return json.Marshal(m)
}

// pieces lets only the first few of a batch through and has the rest answered as left for later.
func pieces(table string, let int) editor {
	var rest any
	return editor{
		before: func(operation string, m map[string]any) {
			rest = nil
			asked, _ := m["RequestItems"].(map[string]any)
			switch all := asked[table].(type) {
			case []any: // BatchWriteItem
				if len(all) > let {
					asked[table], rest = all[:let], all[let:]
				}
			case map[string]any: // BatchGetItem
				if keys, _ := all["Keys"].([]any); len(keys) > let {
					all["Keys"], rest = keys[:let], map[string]any{"Keys": keys[let:], "ConsistentRead": true}
				}
			}
		},
		after: func(operation string, m map[string]any) {
			if rest == nil {
				return
			}
			left := map[string]any{table: rest}
			if operation == "BatchWriteItem" {
				m["UnprocessedItems"] = left
			} else {
				m["UnprocessedKeys"] = left
			}
		},
	}
}

func piecemeal(t *testing.T, b bench) {
	w := on(b.open(t, dynamo.WithTransport(pieces(b.cfg.Name, 2))))
	for n := range 9 {
		must(t, w.teams.Create(t.Context(), by("team.create"), newTeam(n)), "create")
	}
	if ids, _ := walk(t, w, 0); len(ids) != 9 {
		t.Errorf("listed %v", ids)
	}
	chunks := map[string][]byte{"big": noise(1 << 20)}
	for n := range 30 {
		chunks[fmt.Sprint(n)] = []byte{byte(n)}
	}
	must(t, w.table.PutRevision(t.Context(), "orders", "v1", "r1", chunks), "put revision")
	for name, chunk := range chunks {
		if got, err := w.table.RevisionChunk(t.Context(), "orders", "v1", "r1", name); err != nil || !bytes.Equal(got, chunk) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
}

func stuck(t *testing.T, b bench) {
	plain := on(b.open(t))
	must(t, plain.teams.Create(t.Context(), by("team.create"), newTeam(1)), "create")
	// The store answers, and leaves all for later.
	nothing := editor{after: func(operation string, m map[string]any) {
		switch operation {
		case "BatchGetItem":
			m["Responses"] = map[string]any{}
			m["UnprocessedKeys"] = map[string]any{b.cfg.Name: map[string]any{"Keys": []any{rawKey("team#team-001", "self")}}}
		case "BatchWriteItem":
			item := rawKey("revision#orders/v1#r1", "x")
			m["UnprocessedItems"] = map[string]any{b.cfg.Name: []any{map[string]any{"PutRequest": map[string]any{"Item": item}}}}
		}
	}}
	w := on(b.open(t, dynamo.WithTransport(nothing)))
	_, err := w.teams.List(t.Context(), catalog.Query{})
	want(t, problem.Unavailable, err, "list")
	err = w.table.PutRevision(t.Context(), "orders", "v1", "r1", map[string][]byte{"x": {1}})
	want(t, problem.Unavailable, err, "put revision")
}

func busy(t *testing.T, b bench) {
	net := &network{plan: func(_ string, n int) fault {
		if n%7 != 0 {
			return throttle
		}
		return fine
	}}
	table, chunks := b.open(t, dynamo.WithTransport(net)), map[string][]byte{}
	for n := range 60 {
		chunks[fmt.Sprint(n)] = []byte{byte(n)}
	}
	must(t, table.PutRevision(t.Context(), "orders", "v1", "r1", chunks), "put revision")
	if got, err := b.open(t).RevisionChunk(t.Context(), "orders", "v1", "r1", "59"); err != nil || !bytes.Equal(got, []byte{59}) {
		t.Errorf("%v, %v", got, err)
	}
}

func halfSeen(t *testing.T, b bench) {
	w := on(b.open(t))
	for n := range 4 {
		must(t, w.teams.Create(t.Context(), by("team.create"), newTeam(n)), "create")
	}
	for missing := range 3 { // of the entries 2 to 4
		blind := editor{after: func(operation string, m map[string]any) {
			if items, _ := m["Items"].([]any); operation == "Query" && len(items) == 4 {
				m["Items"] = append(items[:missing:missing], items[missing+1:]...)
				m["Count"] = 3
			}
		}}
		entries, err := b.open(t, dynamo.WithTransport(blind)).Since(t.Context(), 1)
		if err != nil || len(entries) != 3 || entries[missing].Seq != int64(missing+2) {
			t.Errorf("without entry %d: %v, %v", missing+2, entries, err)
		}
	}
}
