package present_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sluice/functions/portal/present"
	"sluice/shared/catalog"
	"sluice/shared/contract"
	"sluice/shared/problem"
)

// store is a catalog in memory.
type store struct {
	apis     []catalog.API
	versions map[catalog.APIID][]catalog.Version
	reads    int
	down     error
}

func (s *store) APIs(_ context.Context, cursor string) (catalog.Page[catalog.API], error) {
	s.reads++
	if s.down != nil {
		return catalog.Page[catalog.API]{}, s.down
	}
	if cursor == "" && len(s.apis) > 1 { // two pages, so that a cursor is followed
		return catalog.Page[catalog.API]{Items: s.apis[:1], Next: "rest"}, nil
	}
	return catalog.Page[catalog.API]{Items: s.apis[min(1, len(s.apis)):]}, nil
}

func (s *store) Versions(_ context.Context, api catalog.APIID) ([]catalog.Version, error) {
	return s.versions[api], nil
}

func (s *store) Team(context.Context, catalog.TeamID) (catalog.Team, error) {
	return catalog.Team{Name: "Sales <&> team"}, nil
}

func (s *store) RevisionChunk(_ context.Context, _ catalog.APIID, _ catalog.VersionID, r catalog.RevisionID, name string) ([]byte, error) {
	if r != "0f" {
		return nil, problem.New(problem.NotFound, "there is no such revision")
	}
	if name == contract.ChunkSource {
		return contract.PackSource([]byte("openapi: 3.1.0"), "application/yaml")
	}
	ix, err := contract.NewIndex([]contract.Operation{{ID: "getOrder", Method: "GET", Template: "/orders/{id}", Scopes: [][]string{{"read", "x"}, {"admin"}}}})
	if err != nil {
		return nil, err
	}
	return ix.Encode()
}

func full() *store {
	sunset := time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC)
	v := func(api, name string, state catalog.State) catalog.Version {
		return catalog.Version{API: catalog.APIID(api), Version: catalog.VersionID(name), State: state, Revision: "0f"}
	}
	old := v("orders", "v1", catalog.Deprecated)
	old.Sunset, old.Successor = &sunset, "v2"
	return &store{
		apis: []catalog.API{
			{ID: "orders", Name: "Orders <script>alert(1)</script>", Summary: "Buy & sell", Team: "sales", Audience: catalog.Public, Tags: []string{"shop"}},
			{ID: "payroll", Name: "Payroll", Audience: catalog.Internal},
			{ID: "partners", Name: "Partners", Audience: catalog.Partner},
			{ID: "plans", Name: "Plans", Audience: catalog.Public},
			{ID: "old", Name: "Old", Audience: catalog.Public},
		},
		versions: map[catalog.APIID][]catalog.Version{
			"orders":   {old, v("orders", "v2", catalog.Published), v("orders", "v3", catalog.Draft)},
			"payroll":  {v("payroll", "v1", catalog.Published)},
			"partners": {v("partners", "v1", catalog.Published)},
			"plans":    {v("plans", "v1", catalog.InReview)},
			"old":      {v("old", "v1", catalog.Retired)},
		},
	}
}

type portal struct {
	http.Handler
	now time.Time
}

func open(t *testing.T, s *store) *portal {
	t.Helper()
	p := &portal{now: time.Unix(1_800_000_000, 0)}
	h, err := present.New(present.Deps{Source: s, GatewayURL: "https://gateway.example.com/", Now: func() time.Time { return p.now },
		Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	p.Handler = h
	return p
}

func (p *portal) get(method, target string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w
}

func TestOnlyWhatIsPublicAndServedIsShown(t *testing.T) {
	p := open(t, full())
	home := p.get("GET", "/").Body.String()
	for _, hidden := range []string{"Payroll", "Partners", "Plans", "Old", "v3"} {
		if strings.Contains(home, hidden) {
			t.Errorf("the home page shows %s", hidden)
		}
	}
	if !strings.Contains(home, `href="/apis/orders"`) || !strings.Contains(home, "v1, v2") {
		t.Errorf("the home page lacks the public API:\n%s", home)
	}
	absent := p.get("GET", "/apis/nothing").Body.String()
	for _, path := range []string{"/apis/payroll", "/apis/partners/v1", "/apis/plans", "/apis/old/v1", "/apis/orders/v3", "/apis/orders/v3/contract", "/apis/payroll/v1/contract"} {
		if w := p.get("GET", path); w.Code != 404 || w.Body.String() != absent {
			t.Errorf("%s: %d %s, want what an absent API answers", path, w.Code, w.Body.String())
		}
	}
}

func TestTheCatalogsTextIsNeverMarkup(t *testing.T) {
	p := open(t, full())
	for _, path := range []string{"/", "/apis/orders", "/apis/orders/v1", "/?q=%3Cscript%3Ealert(1)%3C/script%3E"} {
		w := p.get("GET", path)
		if w.Code != 200 || strings.Contains(w.Body.String(), "<script") || !strings.Contains(w.Header().Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s: %d %v\n%s", path, w.Code, w.Header(), w.Body.String())
		}
	}
}

func TestAVersionTellsHowToCallItAndWhenItEnds(t *testing.T) {
	page := open(t, full()).get("GET", "/apis/orders/v1").Body.String()
	for _, want := range []string{"https://gateway.example.com/orders/v1/orders/{id}", "1 March 2027", `href="/apis/orders/v2"`, "getOrder", "<code>read</code> and <code>x</code> or <code>admin</code>"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
}

func TestTheContractIsGivenToTheByteAndIsNeverAPage(t *testing.T) {
	w := open(t, full()).get("GET", "/apis/orders/v2/contract")
	if w.Code != 200 || w.Body.String() != "openapi: 3.1.0" || w.Header().Get("Content-Type") != "application/yaml" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body.String())
	}
}

func TestTheAPICatalogListsWhatIsPublic(t *testing.T) {
	w := open(t, full()).get("GET", "/.well-known/api-catalog")
	var set struct {
		Linkset []struct {
			Anchor string `json:"anchor"`
			Desc   []struct {
				Href string `json:"href"`
			} `json:"service-desc"`
		} `json:"linkset"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &set); err != nil || len(set.Linkset) != 2 {
		t.Fatalf("%v in %s", err, w.Body.String())
	}
	if set.Linkset[0].Anchor != "https://gateway.example.com/orders/v1" || set.Linkset[0].Desc[0].Href != "https://example.com/apis/orders/v1/contract" {
		t.Errorf("%+v", set.Linkset[0])
	}
	if head := open(t, full()).get("HEAD", "/.well-known/api-catalog"); !strings.Contains(head.Header().Get("Link"), `rel="api-catalog"`) ||
		!strings.HasPrefix(head.Header().Get("Content-Type"), "application/linkset+json") {
		t.Errorf("%v", head.Header())
	}
}

func TestASearchFindsByEveryWord(t *testing.T) {
	p := open(t, full())
	for query, found := range map[string]bool{"": true, "orders": true, "SHOP": true, "buy%20sell": true, "buy%20payroll": false, "payroll": false} {
		if got := strings.Contains(p.get("GET", "/?q="+query).Body.String(), `href="/apis/orders"`); got != found {
			t.Errorf("%q finds it: %v", query, got)
		}
	}
	if w := p.get("GET", "/?q="+strings.Repeat("a", 201)); w.Code != 400 {
		t.Errorf("a search without measure: %d", w.Code)
	}
}

func TestManyVisitorsCostOneReadASecond(t *testing.T) {
	s := full()
	p := open(t, s)
	for range 100 {
		p.get("GET", "/")
	}
	if first := s.reads; first != 2 { // two pages
		t.Errorf("%d reads", first)
	}
	p.now = p.now.Add(time.Second)
	p.get("GET", "/")
	if s.reads != 4 {
		t.Errorf("%d reads after a second", s.reads)
	}
}

func TestAFailureIsAPageForPeopleAndAProblemForPrograms(t *testing.T) {
	s := full()
	p := open(t, s)
	if w := p.get("GET", "/nowhere", "Accept", "text/html,*/*"); w.Code != 404 || !strings.Contains(w.Body.String(), "<h1>") {
		t.Errorf("%d %s", w.Code, w.Body.String())
	}
	if w := p.get("GET", "/nowhere"); w.Code != 404 || w.Header().Get("Content-Type") != problem.MediaType {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if w := p.get("DELETE", "/"); w.Code != 405 || w.Header().Get("Allow") == "" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	s.down = problem.Wrap(errors.New("dial tcp 10.1.2.3"), problem.Unavailable, "the store does not answer")
	p.now = p.now.Add(time.Minute)
	if w := p.get("GET", "/"); w.Code != 503 || strings.Contains(w.Body.String(), "10.1.2.3") {
		t.Errorf("%d %s", w.Code, w.Body.String())
	}
	s.down = nil
	if w := p.get("GET", "/"); w.Code != 200 {
		t.Errorf("after the outage: %d", w.Code)
	}
}
