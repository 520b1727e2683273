package store_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/scripts/sluice/bench/store"
)

func TestOperationsAndTheirUnitsAreCountedAndTheAnswersStayAsTheyAre(t *testing.T) {
	engine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		answer := map[string]string{
			"GetItem":            `{"Item":{},"ConsumedCapacity":{"TableName":"t","CapacityUnits":1.5}}`,
			"UpdateItem":         `{"ConsumedCapacity":{"TableName":"t","CapacityUnits":2}}`,
			"TransactWriteItems": `{"ConsumedCapacity":[{"CapacityUnits":2},{"CapacityUnits":4}]}`,
			"PutItem":            `{"__type":"x#ConditionalCheckFailedException"}`,
		}[strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "DynamoDB_20120810.")]
		if answer != "" && !strings.Contains(string(body), `"ReturnConsumedCapacity":"TOTAL"`) {
			t.Errorf("nobody asks for the units: %s", body)
		}
		_, _ = io.WriteString(w, answer)
	}))
	defer engine.Close()
	c, err := store.NewCounter(engine.URL)
	if err != nil {
		t.Fatal(err)
	}
	before := c.Use()
	for _, name := range []string{"GetItem", "GetItem", "UpdateItem", "TransactWriteItems", "PutItem"} {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(`{"TableName":"t","Key":{}}`))
		r.Header.Set("X-Amz-Target", "DynamoDB_20120810."+name)
		w := httptest.NewRecorder()
		c.ServeHTTP(w, r)
		if w.Code != 200 || !strings.HasPrefix(w.Body.String(), "{") || !strings.HasSuffix(w.Body.String(), "}") {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	want := store.Use{Operations: map[string]int{"GetItem": 2, "UpdateItem": 1, "TransactWriteItems": 1, "PutItem": 1}, ReadUnits: 3, WriteUnits: 8}
	got := c.Use().Since(before)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if reads, writes := got.Split(); reads != 2 || writes != 3 {
		t.Errorf("%d reads, %d writes", reads, writes)
	}
	if more := c.Use().Since(c.Use()); len(more.Operations) != 0 || more.WriteUnits != 0 {
		t.Errorf("nothing more is %+v", more)
	}
}

func TestWhatIsNoOperationPassesUncounted(t *testing.T) {
	engine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "healthy") }))
	defer engine.Close()
	c, err := store.NewCounter(engine.URL)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	c.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Body.String() != "healthy" || len(c.Use().Operations) != 0 {
		t.Errorf("%s, %+v", w.Body, c.Use())
	}
}
