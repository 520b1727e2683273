package client_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sluice/scripts/sluice/client"
	"sluice/shared/credential"
)

const key = "sla_of-somebody-who-tests-0123456789"

func start(t *testing.T, h http.HandlerFunc) *client.Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	secret, _, err := credential.Parse(key)
	if err != nil {
		t.Fatal(err)
	}
	return client.New(server.URL+"/", secret)
}

func TestACallCarriesItsKeyItsBodyAndItsPrecondition(t *testing.T) {
	c := start(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("ETag", `"2"`)
		if err := json.NewEncoder(w).Encode(map[string]string{"path": r.RequestURI, "body": string(body), "key": r.Header.Get("Authorization"),
			"match": r.Header.Get("If-Match"), "type": r.Header.Get("Content-Type"), "once": r.Header.Get("Idempotency-Key")}); err != nil {
			t.Error(err)
		}
	})
	var got map[string]string
	etag, err := c.Call(t.Context(), http.MethodPost, "/teams?x=1", `"1"`, map[string]int{"a": 1}, &got)
	if err != nil || etag != `"2"` || got["path"] != "/admin/v1/teams?x=1" || got["body"] != `{"a":1}` || got["key"] != "Bearer "+key ||
		got["match"] != `"1"` || got["type"] != "application/json" || got["once"] == "" {
		t.Errorf("%v, %s, %v", got, etag, err)
	}
	if _, err = c.Call(t.Context(), http.MethodPut, "/x", "", client.Content{Type: "application/yaml", Bytes: []byte("a: 1")}, &got); err != nil ||
		got["body"] != "a: 1" || got["type"] != "application/yaml" || got["once"] != "" {
		t.Errorf("%v, %v", got, err)
	}
}

func TestARefusalSaysWhatTheProblemSays(t *testing.T) {
	c := start(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = io.WriteString(w, `{"status":422,"code":"unprocessable","title":"It cannot be","detail":"two faults","request_id":"r-1","errors":[{"pointer":"/id","detail":"is odd"}]}`)
	})
	_, err := c.Call(t.Context(), http.MethodGet, "/x", "", nil, nil)
	if !client.Is(err, 422) || client.Is(err, 404) {
		t.Errorf("%v", err)
	}
	for _, want := range []string{"GET /x", "unprocessable", "two faults", "/id is odd", "r-1"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
	if strings.Contains(err.Error(), key) {
		t.Error("the key is in the error")
	}
}

func TestAnAnswerThatExplainsNothingIsStillARefusal(t *testing.T) {
	c := start(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Request-Id", "r-2")
		w.WriteHeader(http.StatusBadGateway)
		_, _ = io.WriteString(w, "<html>")
	})
	if _, err := c.Call(t.Context(), http.MethodGet, "/x", "", nil, nil); !client.Is(err, 502) || !strings.Contains(err.Error(), "r-2") {
		t.Errorf("%v", err)
	}
}

func TestAnAnswerThatCannotBeReadIsAnError(t *testing.T) {
	c := start(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{") })
	var out map[string]any
	if _, err := c.Call(t.Context(), http.MethodGet, "/x", "", nil, &out); err == nil {
		t.Errorf("read as %v", out)
	}
	if _, err := c.Call(t.Context(), http.MethodGet, "/x", "", func() {}, nil); err == nil {
		t.Error("a body that cannot be written is sent")
	}
}
