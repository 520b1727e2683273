package store_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"
)

// raw makes a call past the package under test, to see and make what is really stored.
func (b bench) raw(t testing.TB, operation string, body map[string]any) map[string]any {
	t.Helper()
	if operation != "BatchWriteItem" {
		body["TableName"] = b.cfg.Name
	}
	sent, err := json.Marshal(body)
	must(t, err, "encode")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.cfg.Endpoint, bytes.NewReader(sent))
	must(t, err, "request")
	req.Header.Set("X-Amz-Target", "DynamoDB_20120810."+operation)
	req.Header.Set("Content-Type", "application/x-amz-json-1.0")
	req.Header.Set("X-Amz-Date", "20261123T120000Z")
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=local/20261123/"+b.cfg.Region+
		"/dynamodb/aws4_request, SignedHeaders=host;x-amz-date;x-amz-target, Signature=00")
	res, err := http.DefaultClient.Do(req)
	must(t, err, operation)
	defer res.Body.Close() //nolint:errcheck // read only
	got, err := io.ReadAll(res.Body)
	must(t, err, operation)
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %s", operation, res.Status, got)
	}
	answer := map[string]any{}
	must(t, json.Unmarshal(got, &answer), operation)
	return answer
}

func rawKey(pk, sk string) map[string]any {
	return map[string]any{"pk": map[string]any{"S": pk}, "sk": map[string]any{"S": sk}}
}

// stored reads one item as it is; nil if there is none.
func (b bench) stored(t testing.TB, pk, sk string) map[string]any {
	t.Helper()
	i, _ := b.raw(t, "GetItem", map[string]any{"Key": rawKey(pk, sk), "ConsistentRead": true})["Item"].(map[string]any)
	return i
}

// sweep removes one item, as the table's TTL does.
func (b bench) sweep(t testing.TB, pk, sk string) {
	t.Helper()
	b.raw(t, "DeleteItem", map[string]any{"Key": rawKey(pk, sk)})
}

// scan reads all items.
func (b bench) scan(t testing.TB) []map[string]any {
	t.Helper()
	found, _ := b.raw(t, "Scan", map[string]any{})["Items"].([]any)
	all := make([]map[string]any, len(found))
	for n, i := range found {
		all[n], _ = i.(map[string]any)
	}
	return all
}

// everything reads the whole table as text.
func (b bench) everything(t testing.TB) string {
	t.Helper()
	all, err := json.Marshal(b.scan(t))
	must(t, err, "encode")
	return string(all)
}

// number reads a number attribute of an item; "" if it has none.
func number(i map[string]any, name string) string { return attribute(i, name, "N") }

// text reads a string attribute of an item; "" if it has none.
func text(i map[string]any, name string) string { return attribute(i, name, "S") }

func attribute(i map[string]any, name, kind string) string {
	v, _ := i[name].(map[string]any)
	s, _ := v[kind].(string)
	return s
}

// batch writes up to 25 items.
func (b bench) batch(t testing.TB, puts []any) {
	t.Helper()
	b.raw(t, "BatchWriteItem", map[string]any{"RequestItems": map[string]any{b.cfg.Name: puts}})
}
