package corpus_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sluice/shared/catalog"
	"sluice/shared/contract"
	"sluice/test/platform"
)

// host is a platform with one upstream that echoes the path it was called with.
type host struct {
	*platform.Platform
	upstream string
	key      string
}

type m = map[string]any

func open(t *testing.T) *host {
	t.Helper()
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("X-Path", base64.StdEncoding.EncodeToString([]byte(r.URL.EscapedPath())))
		_, _ = fmt.Fprint(w, "ok") // the caller has gone: nobody to tell
	}))
	t.Cleanup(up.Close)
	h := &host{Platform: platform.New(t, 1), upstream: up.URL}
	h.Admin(201, "POST", "/teams", m{"id": "owners", "name": "Owners"})
	h.Admin(201, "POST", "/consumers", m{"id": "reader", "name": "Reader", "kind": "public"})
	h.Admin(201, "POST", "/apps", m{"id": "client", "name": "Client", "consumer": "reader"})
	h.key, _ = h.Admin(201, "POST", "/apps/client/keys", m{}).JSON()["key"].(string)
	return h
}

// TestEveryRealContractIsPublishedAndCalled: each document is accepted over HTTP, comes back to the byte, is published, and
// each of its operations reaches the upstream under the path that was called.
func TestEveryRealContractIsPublishedAndCalled(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(folder(t), "openapi", "*"))
	if err != nil || len(files) < 10 {
		t.Fatalf("%d documents, %v", len(files), err)
	}
	h := open(t)
	for n, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			source, err := os.ReadFile(file) // #nosec G304 -- a document of the corpus
			if err != nil {
				t.Fatal(err)
			}
			api := fmt.Sprintf("real-%d", n)
			operations := h.publish(t, api, string(source), mediaOf(file))
			for _, o := range operations {
				h.check(t, api, o)
			}
			t.Logf("%d operations called", len(operations))
		})
	}
}

func mediaOf(file string) string {
	if strings.HasSuffix(file, ".json") {
		return "application/json"
	}
	return "application/yaml"
}

// publish makes an API of the document and gives the operations that it is served with.
func (h *host) publish(t *testing.T, api, source, media string) []contract.Operation {
	t.Helper()
	h.Admin(201, "POST", "/apis", m{"id": api, "name": api, "team": "owners", "kind": "rest", "audience": "public", "sensitivity": "open"})
	h.Admin(201, "POST", "/apis/"+api+"/versions", m{"version": "v1", "upstream": m{"url": h.upstream}})
	put := func(method string) platform.Response {
		return h.Management(platform.Request{Method: method, Target: "/admin/v1/apis/" + api + "/versions/v1/contract", Body: source,
			Headers: map[string]string{"authorization": "Bearer " + platform.AdminKey, "content-type": media}})
	}
	if out := put("PUT"); out.Status != 201 {
		t.Fatalf("PUT: %d %.2000s", out.Status, out.Body)
	}
	if out := put("GET"); out.Status != 200 || string(out.Body) != source || !strings.HasPrefix(out.Headers["content-type"], media) {
		t.Errorf("GET: %d %s, %d bytes of %d", out.Status, out.Headers["content-type"], len(out.Body), len(source))
	}
	h.Admin(200, "POST", "/apis/"+api+"/versions/v1/transitions", m{"to": "published"})
	version, err := h.Table.Version(t.Context(), catalog.APIID(api), "v1")
	if err != nil {
		t.Fatal(err)
	}
	chunk, err := h.Table.RevisionChunk(t.Context(), version.API, version.Version, version.Revision, contract.ChunkIndex)
	if err != nil {
		t.Fatal(err)
	}
	index, err := contract.DecodeIndex(chunk)
	if err != nil {
		t.Fatal(err)
	}
	operations := index.Operations()
	// A plan with every scope that any operation asks for, so that none is refused for lack of one. Plans hold 50.
	scopes := []string{}
	for _, o := range operations {
		if len(o.Scopes) > 0 {
			scopes = append(scopes, o.Scopes[0]...)
		}
	}
	slices.Sort(scopes)
	h.Admin(201, "POST", "/plans", m{"id": api, "name": api, "approval": "automatic", "scopes": slices.Compact(scopes)})
	h.Admin(201, "POST", "/subscriptions", m{"app": "client", "api": api, "plan": api})
	h.Clock.Advance(1e9)
	return operations
}

// check calls an operation with a value of its own for each parameter.
func (h *host) check(t *testing.T, api string, o contract.Operation) {
	t.Helper()
	template, query, _ := strings.Cut(o.Template, "?")
	path := fill(template)
	target := "/" + api + "/v1" + path
	if query != "" {
		target += "?" + query
	}
	out := h.Gateway(0, platform.Request{Method: o.Method, Target: target, Headers: map[string]string{"x-api-key": h.key}})
	called, _ := base64.StdEncoding.DecodeString(out.Headers["x-path"])
	if out.Status != 200 || string(called) != path {
		t.Errorf("%s %s: %d %s, the upstream was called at %s", o.Method, target, out.Status, out.Body, called)
	}
}

// fill puts a value into each parameter of a template.
func fill(template string) string {
	var b strings.Builder
	for i := 0; template != ""; i++ {
		before, rest, found := strings.Cut(template, "{")
		b.WriteString(before)
		if !found {
			break
		}
		_, template, _ = strings.Cut(rest, "}")
		fmt.Fprintf(&b, "value%d", i)
	}
	return b.String()
}
