package world_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/scripts/sluice/client"
	"sluice/scripts/sluice/soak/world"
	"sluice/shared/credential"
)

// management is a management API that keeps what it is sent.
type management struct {
	mu     sync.Mutex
	made   []string
	status int // of changes; 0: done
	keys   int
}

func (m *management) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	path := strings.TrimPrefix(r.URL.Path, "/admin/v1")
	answer := map[string]any{}
	switch {
	case r.Method == http.MethodGet && path == "/usage":
		if r.URL.Query().Get("api") == "soak" {
			answer["points"] = []any{map[string]any{"group": "wide", "calls": 5}, map[string]any{"group": "wide", "calls": 2}, map[string]any{"group": "dear", "calls": 1}}
		}
	case r.Method == http.MethodGet && path == "/limits":
		answer["items"] = []any{map[string]any{"kind": "rate", "app": "x", "used": 99}, map[string]any{"kind": "quota", "used": 10, "leased": 1},
			map[string]any{"kind": "quota", "app": "x", "used": 7, "leased": 2}}
	case r.Method == http.MethodGet:
		w.Header().Set("ETag", `"tag"`)
	case m.status != 0:
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(m.status)
		_, _ = io.WriteString(w, `{"code":"refused","title":"No"}`)
		return
	default:
		m.made = append(m.made, r.Method+" "+path+" "+r.Header.Get("If-Match"))
		if strings.Contains(path, "/keys") {
			m.keys++
			answer["id"], answer["key"] = "k", "key-"+string(rune('a'+m.keys))
		}
		if path == "/subscriptions" {
			var in struct{ App string }
			_ = json.Unmarshal(body, &in)
			answer["id"] = "sub-of-" + in.App
		}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// furnished is a world on a management API of our own.
func furnished(t *testing.T) (*world.World, *management) {
	t.Helper()
	m := &management{}
	s := httptest.NewServer(m)
	t.Cleanup(s.Close)
	w, err := world.Make(t.Context(), client.New(s.URL, credential.Secret{}), "http://127.0.0.1:1", world.Lanes(100), 100)
	if err != nil {
		t.Fatal(err)
	}
	return w, m
}

func TestEachLaneHasAnAppOfItsOwnOrIsNobody(t *testing.T) {
	w, m := furnished(t)
	names := map[string]bool{}
	for _, l := range world.Lanes(100) {
		if names[l.Name] || l.Cost < 1 || l.Quota < 1 || l.Share < 1 {
			t.Errorf("%+v", l)
		}
		names[l.Name] = true
		if l.Plan == nil && (l.App() != world.Anonymous || w.Key(l.Name) != "") || l.Plan != nil && w.Key(l.Name) == "" {
			t.Errorf("%s: app %s, key %q", l.Name, l.App(), w.Key(l.Name))
		}
	}
	for _, want := range []string{"POST /apis/soak-cache/versions ", "PUT /apis/soak/versions/v1/contract ", "POST /plans "} {
		if !strings.Contains(strings.Join(m.made, "\n"), want) {
			t.Errorf("%q was not made: %q", want, m.made)
		}
	}
}

func TestInTurnPlanSubscriptionRevisionAndKeyChange(t *testing.T) {
	w, m := furnished(t)
	m.made = nil
	count := world.Changes{Made: map[string]int{}, Refused: map[string]int{}}
	before := w.Key("moved")
	for range 4 {
		if err := w.Change(t.Context(), &count); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{`PATCH /plans/moved "tag"`, `PATCH /subscriptions/sub-of-moved "tag"`, `PUT /apis/soak/versions/v1/contract "tag"`,
		`PUT /apis/soak-cache/versions/v1/contract "tag"`, `POST /apps/moved/keys/k/rotate `}
	if diff := cmp.Diff(want, m.made); diff != "" || w.Key("moved") == before || count.Made["key"] != 1 {
		t.Errorf("%+v, key %q: %s", count, w.Key("moved"), diff)
	}
}

func TestAChangeThatTheStoreRefusesIsCountedAndAnyOtherRefusalIsAFault(t *testing.T) {
	for status, refused := range map[int]bool{503: true, 500: true, 412: true, 409: true, 400: false, 403: false, 422: false} {
		w, m := furnished(t)
		m.status = status
		count := world.Changes{Made: map[string]int{}, Refused: map[string]int{}}
		for range 4 {
			if err := w.Change(t.Context(), &count); (err == nil) != refused {
				t.Errorf("%d: %v", status, err)
			}
		}
		if n := count.Refused["plan"] + count.Refused["subscription"] + count.Refused["revision"] + count.Refused["key"]; refused && n != 4 || !refused && n != 0 {
			t.Errorf("%d: %+v", status, count)
		}
	}
}

func TestWhatThePlatformCountedIsReadByAppAndOverAll(t *testing.T) {
	w, _ := furnished(t)
	by, all, err := w.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(world.Counted{Calls: 7, Used: 7, Leased: 2}, by["wide"]); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(world.Counted{Calls: 8, Used: 10, Leased: 1}, all); diff != "" {
		t.Error(diff)
	}
}
