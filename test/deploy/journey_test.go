package deploy_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// deployment is a running Sluice, as its users see it.
type deployment struct {
	gateway, management, key string
}

func running(t *testing.T) deployment {
	t.Helper()
	d := deployment{os.Getenv("SLUICE_DEPLOY_GATEWAY"), os.Getenv("SLUICE_DEPLOY_MANAGEMENT"), os.Getenv("SLUICE_DEPLOY_ADMIN_KEY")}
	if d.gateway == "" || d.management == "" || d.key == "" {
		t.Skip("needs a deployed bundle: run `make deploy`, which deploys one into a local AWS")
	}
	return d
}

type answer struct {
	status int
	header http.Header
	body   map[string]any
}

func send(t *testing.T, method, url, body string, headers ...string) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	if closed := resp.Body.Close(); err != nil || closed != nil {
		t.Fatal(err, closed)
	}
	out := answer{status: resp.StatusCode, header: resp.Header}
	if err := json.Unmarshal(b, &out.body); err != nil && len(bytes.TrimSpace(b)) > 0 {
		out.body = map[string]any{"text": string(b)}
	}
	return out
}

// admin makes a management call and wants the status.
func (d deployment) admin(t *testing.T, want int, method, path, body string) answer {
	t.Helper()
	kind := "application/json"
	if strings.HasSuffix(path, "/contract") {
		kind = "application/yaml"
	}
	a := send(t, method, d.management+"/admin/v1"+path, body, "Authorization", "Bearer "+d.key, "Content-Type", kind)
	if a.status != want {
		t.Fatalf("%s %s: %d %v, want %d", method, path, a.status, a.body, want)
	}
	return a
}

// eventually asks until it holds. The deployment is a black box with a clock of its own: it can only be asked again.
func eventually(t *testing.T, within time.Duration, what string, holds func() bool) {
	t.Helper()
	deadline, tick := time.After(within), time.NewTicker(250*time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("%s did not happen within %s", what, within)
		case <-tick.C:
		}
	}
}

const contract = `
openapi: 3.1.0
info: {title: Journey, version: "1"}
components:
  securitySchemes:
    oauth: {type: oauth2, flows: {clientCredentials: {tokenUrl: "https://example.com/token", scopes: {"things:write": write}}}}
paths:
  /things/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: string}}]
    get: {operationId: getThing, responses: {"200": {description: a thing}}}
    put: {operationId: putThing, security: [{oauth: ["things:write"]}], responses: {"200": {description: done}}}
`

// journey is one run through the main journey.
type journey struct {
	deployment
	calls atomic.Int64
	seen  chan http.Header
	thing string // the address of the managed operation
	key   string
	id    string // of the key
}

func TestJourney(t *testing.T) {
	j := &journey{deployment: running(t), seen: make(chan http.Header, 100)}
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		j.calls.Add(1)
		j.seen <- r.Header.Clone()
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"path":%q}`, r.URL.Path) // the caller has gone: nobody to tell
	}))
	defer upstream.Close()
	j.set(t, upstream.URL)
	j.publish(t)
	j.refuse(t)
	j.limit(t)
	j.revoke(t)
	j.report(t)
}

// set makes an API as a draft, and somebody who may use it.
func (j *journey) set(t *testing.T, upstream string) {
	j.admin(t, 201, "POST", "/teams", `{"id":"journey-team","name":"Journey","contacts":[{"kind":"email","value":"team@example.com"}]}`)
	j.admin(t, 201, "POST", "/apis", `{"id":"journey","name":"Journey","team":"journey-team","kind":"rest","audience":"public","sensitivity":"open"}`)
	j.admin(t, 201, "POST", "/apis/journey/versions", fmt.Sprintf(`{"version":"v1","upstream":{"url":%q}}`, upstream))
	j.admin(t, 422, "PUT", "/apis/journey/versions/v1/contract", "openapi: 3.1.0\npaths: {bad: {}}\n")
	j.admin(t, 201, "PUT", "/apis/journey/versions/v1/contract", contract)
	j.admin(t, 201, "POST", "/plans", `{"id":"journey-plan","name":"Journey","approval":"automatic","rate":{"requests":5,"seconds":60,"burst":5}}`)
	j.admin(t, 201, "POST", "/consumers", `{"id":"journey-consumer","name":"Journey","kind":"public"}`)
	j.admin(t, 201, "POST", "/apps", `{"id":"journey-app","name":"Journey","consumer":"journey-consumer"}`)
	j.admin(t, 201, "POST", "/subscriptions", `{"app":"journey-app","api":"journey","plan":"journey-plan"}`)
	issued := j.admin(t, 201, "POST", "/apps/journey-app/keys", `{}`)
	j.key, _ = issued.body["key"].(string)
	j.id, _ = issued.body["id"].(string)
	j.thing = j.gateway + "/journey/v1/things/42"
}

func (j *journey) publish(t *testing.T) {
	if a := send(t, "GET", j.thing, "", "x-api-key", j.key); a.status != 404 || a.body["code"] != "no_such_api" {
		t.Errorf("a draft answers %d %v", a.status, a.body)
	}
	j.admin(t, 200, "POST", "/apis/journey/versions/v1/transitions", `{"to":"published"}`)
	eventually(t, 10*time.Second, "the first call", func() bool { return send(t, "GET", j.thing, "", "x-api-key", j.key).status == 200 })
	if got := <-j.seen; got.Get("X-Api-Key") != "" || got.Get("X-Sluice-App") != "journey-app" || got.Get("Traceparent") == "" {
		t.Errorf("the upstream saw %v", got)
	}
}

// refuse: without a credential the authorizer is still asked, since the template leaves it no identity source.
func (j *journey) refuse(t *testing.T) {
	for name, c := range map[string]struct {
		method, url, key, code string
		status                 int
	}{
		"no credential":       {"GET", j.thing, "", "credential_missing", 401},
		"a junk credential":   {"GET", j.thing, "slk_junk", "credential_invalid", 401},
		"no such API":         {"GET", j.gateway + "/nothing/v1/x", j.key, "no_such_api", 404},
		"no such operation":   {"GET", j.gateway + "/journey/v1/nothing", j.key, "no_such_operation", 404},
		"method not allowed":  {"DELETE", j.thing, j.key, "method_not_allowed", 405},
		"a scope not granted": {"PUT", j.thing, j.key, "scope_missing", 403},
	} {
		a := send(t, c.method, c.url, "", "x-api-key", c.key)
		if a.status != c.status || a.body["code"] != c.code || !strings.HasPrefix(a.header.Get("Content-Type"), "application/problem+json") {
			t.Errorf("%s: %d %s %v", name, a.status, a.header.Get("Content-Type"), a.body)
		}
	}
	if a := send(t, "GET", j.management+"/admin/v1/teams", "", "Authorization", "Bearer sla_0000000000000000000000000000000"); a.status != 401 {
		t.Errorf("an unknown admin key gets %d %v", a.status, a.body)
	}
}

func (j *journey) limit(t *testing.T) {
	limited := answer{}
	for range 8 {
		if limited = send(t, "GET", j.thing, "", "x-api-key", j.key); limited.status == 429 {
			break
		}
	}
	if limited.status != 429 || limited.body["code"] != "rate_limited" || limited.header.Get("Retry-After") == "" {
		t.Errorf("beyond the rate: %d %v %v", limited.status, limited.header, limited.body)
	}
	if n := j.calls.Load(); n < 5 || n > 6 { // one refills every 12 s, and a deployment is slow
		t.Errorf("%d calls reached the upstream, want the burst of 5", n)
	}
}

func (j *journey) revoke(t *testing.T) {
	j.admin(t, 204, "DELETE", "/apps/journey-app/keys/"+j.id, "")
	eventually(t, 10*time.Second, "the revocation", func() bool { return send(t, "GET", j.thing, "", "x-api-key", j.key).status == 401 })
}

// report: the schedule of the template runs the rollup each minute.
func (j *journey) report(t *testing.T) {
	eventually(t, 3*time.Minute, "the usage report", func() bool {
		points, _ := j.admin(t, 200, "GET", "/usage?api=journey&step=day", "").body["points"].([]any)
		return len(points) == 1 && points[0].(map[string]any)["calls"] == float64(j.calls.Load())
	})
}
