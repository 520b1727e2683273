package manage_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/test/management/front"
)

func TestABadBodyIsAClearProblemAndStoresNothing(t *testing.T) {
	d := open(t)
	huge := `{"id":"sales","name":"` + strings.Repeat("x", 65<<10) + `"}`
	for name, c := range map[string]struct {
		body    string
		status  int
		code    string
		pointer string
	}{
		"truncated JSON":            {`{"id":"sales","name":"Sa`, 400, "invalid_request", ""},
		"no JSON at all":            {`id=sales`, 400, "invalid_request", ""},
		"a form":                    {`id=sales&name=Sales`, 400, "invalid_request", ""},
		"something after the end":   {sales + `}`, 400, "invalid_request", ""},
		"a member twice":            {`{"id":"sales","id":"other","name":"x"}`, 400, "invalid_request", "/id"},
		"invalid UTF-8":             {"{\"id\":\"sales\",\"name\":\"\xff\xfe\"}", 400, "invalid_request", ""},
		"a NUL":                     {`{"id":"sales","name":"a\u0000b"}`, 400, "invalid_request", "/name"},
		"half a surrogate pair":     {`{"id":"sales","name":"\udc00"}`, 400, "invalid_request", "/name"},
		"deep nesting":              {strings.Repeat(`{"a":`, 5000) + `1` + strings.Repeat(`}`, 5000), 400, "invalid_request", strings.Repeat("/a", 16)},
		"more than 64 KB":           {huge, 413, "request_too_large", ""},
		"20 MB":                     {strings.Repeat("x", 20<<20), 413, "", ""},
		"a null":                    {`null`, 422, "unprocessable", ""},
		"a list":                    {`[]`, 422, "unprocessable", ""},
		"a text":                    {`"sales"`, 422, "unprocessable", ""},
		"a number":                  {`12`, 422, "unprocessable", ""},
		"an empty object":           {`{}`, 422, "unprocessable", "/id"},
		"an unknown field":          {`{"id":"sales","name":"x","colour":"red"}`, 422, "unprocessable", "/colour"},
		"a field in another case":   {`{"id":"sales","Name":"x"}`, 422, "unprocessable", "/Name"},
		"a field of the platform":   {`{"id":"sales","name":"x","created":"2020-01-01T00:00:00Z"}`, 422, "unprocessable", "/created"},
		"a number for a text":       {`{"id":5,"name":"x"}`, 422, "unprocessable", "/id"},
		"a text for a list":         {`{"id":"sales","name":"x","contacts":"me"}`, 422, "unprocessable", "/contacts"},
		"a null for what is needed": {`{"id":"sales","name":null}`, 422, "unprocessable", "/name"},
		"a null in a list":          {`{"id":"sales","name":"x","contacts":[null]}`, 422, "unprocessable", "/contacts/0"},
		"an id in capitals":         {`{"id":"Sales","name":"x"}`, 422, "unprocessable", "/id"},
		"an id with a line break":   {`{"id":"sales\n","name":"x"}`, 422, "unprocessable", "/id"},
		"an id that looks alike":    {`{"id":"sаles","name":"x"}`, 422, "unprocessable", "/id"},
		"an id that is a path":      {`{"id":"../etc","name":"x"}`, 422, "unprocessable", "/id"},
		"an id of 64 characters":    {`{"id":"` + strings.Repeat("a", 64) + `","name":"x"}`, 422, "unprocessable", "/id"},
		"an id of one character":    {`{"id":"a","name":"x"}`, 422, "unprocessable", "/id"},
		"a name of spaces":          {`{"id":"sales","name":" \t "}`, 422, "unprocessable", "/name"},
		"a name of 201 characters":  {`{"id":"sales","name":"` + strings.Repeat("é", 201) + `"}`, 422, "unprocessable", "/name"},
		"51 contacts":               {`{"id":"sales","name":"x","contacts":[` + strings.Repeat(`{"kind":"a","value":"b"},`, 50) + `{"kind":"a","value":"b"}]}`, 422, "unprocessable", "/contacts"},
		"several faults at once":    {`{"id":"A","nom":"x","contacts":[{"kind":"email"}]}`, 422, "unprocessable", "/contacts/0/value"},
	} {
		t.Run(name, func(t *testing.T) {
			a := d.Do("POST", "/admin/v1/teams", front.Request{Body: c.body})
			if c.code == "" { // API Gateway itself refuses 10 MB
				if a.Status != c.status {
					t.Fatalf("%d %s", a.Status, a.Body)
				}
				return
			}
			a.WantProblem(t, c.status, c.code)
			if got := a.Pointers(t); c.pointer != "" && (len(got) == 0 || got[0] != c.pointer) {
				t.Errorf("points to %v, want %s", got, c.pointer)
			}
			if len(a.Body) > 8<<10 {
				t.Errorf("the answer has %d bytes", len(a.Body))
			}
		})
	}
	if page := d.Must(http.StatusOK, "GET", "/admin/v1/teams", ""); len(page.List("items")) != 0 {
		t.Errorf("stored %v", page)
	}
	d.Must(http.StatusCreated, "POST", "/admin/v1/teams", `{"id":"`+strings.Repeat("a", 63)+`","name":"日本 😀 `+strings.Repeat("é", 190)+`"}`)
}

func TestABadRequestIsAClearProblem(t *testing.T) {
	d := open(t)
	seed(d)
	for name, c := range map[string]struct {
		method, path string
		header       map[string]string
		body         string
		status       int
		code         string
		pointer      string
		allow        string
	}{
		"another media type":              {"POST", "/teams", map[string]string{"Content-Type": "text/plain"}, sales, 415, "unsupported_media_type", "", ""},
		"a merge patch to a collection":   {"POST", "/teams", map[string]string{"Content-Type": "application/merge-patch+json"}, sales, 415, "unsupported_media_type", "", ""},
		"no media type":                   {"POST", "/teams", map[string]string{"Content-Type": ""}, sales, 415, "unsupported_media_type", "", ""},
		"a garbled media type":            {"POST", "/teams", map[string]string{"Content-Type": "application/json; charset"}, sales, 415, "unsupported_media_type", "", ""},
		"another charset":                 {"POST", "/teams", map[string]string{"Content-Type": "application/json; charset=latin1"}, sales, 415, "unsupported_media_type", "", ""},
		"a compressed body":               {"POST", "/teams", map[string]string{"Content-Encoding": "gzip"}, sales, 415, "unsupported_media_type", "", ""},
		"a JSON patch":                    {"PATCH", "/teams/sales", map[string]string{"Content-Type": "application/json-patch+json"}, `[]`, 415, "unsupported_media_type", "", ""},
		"no body":                         {"POST", "/teams", map[string]string{"Content-Type": "application/json"}, "", 400, "invalid_request", "", ""},
		"an unknown parameter":            {"GET", "/teams?filter=x", nil, "", 422, "unprocessable", "query:filter", ""},
		"a parameter on what takes none":  {"GET", "/teams/sales?x=1", nil, "", 422, "unprocessable", "query:x", ""},
		"a parameter twice":               {"GET", "/teams?limit=1&limit=2", nil, "", 422, "unprocessable", "query:limit", ""},
		"a limit of 0":                    {"GET", "/teams?limit=0", nil, "", 422, "unprocessable", "query:limit", ""},
		"a limit of 101":                  {"GET", "/teams?limit=101", nil, "", 422, "unprocessable", "query:limit", ""},
		"a limit that is no number":       {"GET", "/teams?limit=ten", nil, "", 422, "unprocessable", "query:limit", ""},
		"an empty limit":                  {"GET", "/teams?limit=", nil, "", 422, "unprocessable", "query:limit", ""},
		"a cursor of our own making":      {"GET", "/teams?cursor=AAAA", nil, "", 400, "invalid_request", "", ""},
		"a huge cursor":                   {"GET", "/teams?cursor=" + strings.Repeat("a", 2000), nil, "", 422, "unprocessable", "query:cursor", ""},
		"a huge query":                    {"GET", "/teams?cursor=" + strings.Repeat("a", 5000), nil, "", 400, "invalid_request", "", ""},
		"a query that is not encoded":     {"GET", "/teams?cursor=%zz", nil, "", 400, "invalid_request", "", ""},
		"an id that can be no id":         {"GET", "/teams/Sales", nil, "", 422, "unprocessable", "path:team", ""},
		"an id of foreign letters":        {"GET", "/teams/%D1%81ales", nil, "", 422, "unprocessable", "path:team", ""},
		"a subscription that is no UUID":  {"GET", "/subscriptions/abc", nil, "", 422, "unprocessable", "path:id", ""},
		"an encoded slash":                {"GET", "/teams/a%2Fb", nil, "", 400, "invalid_request", "", ""},
		"a NUL in the path":               {"GET", "/teams/a%00b", nil, "", 400, "invalid_request", "", ""},
		"dots in the path":                {"GET", "/teams/../apis", nil, "", 400, "invalid_request", "", ""},
		"an empty segment":                {"GET", "//teams", nil, "", 400, "invalid_request", "", ""},
		"a slash at the end":              {"GET", "/teams/", nil, "", 404, "not_found", "", ""},
		"a path that is not there":        {"GET", "/nothing", nil, "", 404, "not_found", "", ""},
		"a path below an item":            {"GET", "/teams/sales/members", nil, "", 404, "not_found", "", ""},
		"a huge path":                     {"GET", "/" + strings.Repeat("a", 2000), nil, "", 404, "not_found", "", ""},
		"a path beyond all measure":       {"GET", "/" + strings.Repeat("a", 20000), nil, "", 400, "invalid_request", "", ""},
		"PUT of an item":                  {"PUT", "/teams/sales", nil, sales, 405, "method_not_allowed", "", "GET, HEAD, PATCH, DELETE"},
		"DELETE of a collection":          {"DELETE", "/teams", nil, "", 405, "method_not_allowed", "", "GET, HEAD, POST"},
		"OPTIONS":                         {"OPTIONS", "/teams", nil, "", 405, "method_not_allowed", "", "GET, HEAD, POST"},
		"TRACE":                           {"TRACE", "/teams/sales", nil, "", 405, "method_not_allowed", "", "GET, HEAD, PATCH, DELETE"},
		"a method of one's own":           {"FROB", "/teams", nil, "", 405, "method_not_allowed", "", "GET, HEAD, POST"},
		"a garbled If-Match":              {"PATCH", "/teams/sales", map[string]string{"If-Match": "1"}, `{}`, 400, "invalid_request", "header:If-Match", ""},
		"an empty If-Match":               {"PATCH", "/teams/sales", map[string]string{"If-Match": ""}, `{}`, 400, "invalid_request", "header:If-Match", ""},
		"an empty If-Match on DELETE":     {"DELETE", "/teams/billing", map[string]string{"If-Match": ""}, ``, 400, "invalid_request", "header:If-Match", ""},
		"an If-Match with a loose end":    {"PATCH", "/teams/sales", map[string]string{"If-Match": `"1",`}, `{}`, 400, "invalid_request", "header:If-Match", ""},
		"a garbled If-None-Match":         {"GET", "/teams/sales", map[string]string{"If-None-Match": `"`}, "", 400, "invalid_request", "header:If-None-Match", ""},
		"an empty Idempotency-Key":        {"POST", "/teams", map[string]string{"Idempotency-Key": ""}, sales, 400, "invalid_request", "header:Idempotency-Key", ""},
		"an Idempotency-Key with a space": {"POST", "/teams", map[string]string{"Idempotency-Key": "a b"}, sales, 400, "invalid_request", "header:Idempotency-Key", ""},
		"a huge Idempotency-Key":          {"POST", "/teams", map[string]string{"Idempotency-Key": strings.Repeat("a", 256)}, sales, 400, "invalid_request", "header:Idempotency-Key", ""},
		"a subscription filter too many":  {"GET", "/subscriptions?app=shop&api=orders", nil, "", 422, "unprocessable", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := d.Do(c.method, "/admin/v1"+c.path, front.Request{Body: c.body, Header: c.header})
			a.WantProblem(t, c.status, c.code)
			if got := a.Pointers(t); c.pointer != "" && !cmp.Equal(got, []string{c.pointer}) {
				t.Errorf("points to %v, want %s", got, c.pointer)
			}
			if a.Header.Get("Allow") != c.allow {
				t.Errorf("Allow %q, want %q", a.Header.Get("Allow"), c.allow)
			}
		})
	}
}

func TestWhoeverIsNotKnownLearnsNothing(t *testing.T) {
	d := open(t)
	seed(d)
	for _, path := range []string{"/admin/v1/teams", "/admin/v1/teams/sales", "/admin/v1/teams/nobody", "/admin/v1/nothing", "/admin/v1/teams/"} {
		for _, method := range []string{"GET", "POST", "DELETE", "FROB"} {
			missing := d.Do(method, path, front.Request{As: "nobody"})
			missing.WantProblem(t, http.StatusUnauthorized, "credential_missing")
			if missing.Header.Get("WWW-Authenticate") != `Bearer realm="sluice"` {
				t.Errorf("challenge %q", missing.Header.Get("WWW-Authenticate"))
			}
			wrong := d.Do(method, path, front.Request{As: "sla_wrong"})
			wrong.WantProblem(t, http.StatusUnauthorized, "credential_invalid")
			if !strings.HasPrefix(wrong.Header.Get("WWW-Authenticate"), "Bearer ") {
				t.Errorf("challenge %q", wrong.Header.Get("WWW-Authenticate"))
			}
		}
	}
	for path, media := range map[string]string{"/healthz": "application/json", "/admin/v1/openapi.json": "application/json"} {
		if a := d.Do("GET", path, front.Request{As: "nobody"}); a.Status != http.StatusOK || a.Header.Get("Content-Type") != media {
			t.Errorf("%s: %d", path, a.Status)
		}
	}
}

func TestTwoAdminsCannotOverwriteEachOtherUnknowingly(t *testing.T) {
	d := open(t)
	seed(d)
	for name, c := range map[string]struct {
		tag    string
		status int
	}{
		"the present state": {`"1"`, 200}, "any state": {`*`, 200}, "one of several": {`"7", "1"`, 200},
		"an older state": {`"0"`, 412}, "a state to come": {`"2"`, 412}, "a weak tag": {`W/"1"`, 412}, "another's tag": {`"abc"`, 412},
	} {
		t.Run(name, func(t *testing.T) {
			id := strings.ReplaceAll(strings.ToLower(strings.ReplaceAll(name, " ", "-")), "'", "")
			d.Must(http.StatusCreated, "POST", "/admin/v1/teams", `{"id":"`+id+`","name":"x"}`)
			header := map[string]string{"If-Match": c.tag}
			patch := d.Do("PATCH", "/admin/v1/teams/"+id, front.Request{Body: `{"name":"y"}`, Header: header})
			if patch.Status != c.status {
				t.Fatalf("%d %s", patch.Status, patch.Body)
			}
			if c.status == http.StatusPreconditionFailed {
				patch.WantProblem(t, 412, "precondition_failed")
				d.Do("DELETE", "/admin/v1/teams/"+id, front.Request{Header: header}).WantProblem(t, 412, "precondition_failed")
				if now := d.Must(200, "GET", "/admin/v1/teams/"+id, ""); now["name"] != "x" {
					t.Errorf("it is %v", now)
				}
			}
		})
	}
}

func TestOfConcurrentChangesToOneStateOneWins(t *testing.T) {
	d := open(t)
	seed(d)
	const admins = 16
	statuses := make([]int, admins)
	var wait sync.WaitGroup
	for i := range admins {
		wait.Go(func() {
			a := d.Do("PATCH", "/admin/v1/teams/sales", front.Request{Body: fmt.Sprintf(`{"name":"by %d"}`, i), Header: map[string]string{"If-Match": `"1"`}})
			statuses[i] = a.Status
		})
	}
	wait.Wait()
	won := map[int]int{}
	for _, s := range statuses {
		won[s]++
	}
	if won[200] != 1 || won[412] != admins-1 {
		t.Errorf("statuses %v", won)
	}
	a := d.Do("GET", "/admin/v1/teams/sales", front.Request{})
	if a.Header.Get("ETag") != `"2"` {
		t.Errorf("ETag %s", a.Header.Get("ETag"))
	}
}

func TestConcurrentChangesWithoutIfMatchAllLand(t *testing.T) {
	d := open(t)
	seed(d)
	patches := []string{`{"name":"n"}`, `{"summary":"s"}`, `{"tags":["t"]}`, `{"audience":"public"}`, `{"sensitivity":"open"}`}
	var wait sync.WaitGroup
	for _, p := range patches {
		wait.Go(func() {
			if a := d.Do("PATCH", "/admin/v1/apis/orders", front.Request{Body: p}); a.Status != http.StatusOK {
				t.Errorf("%s: %d %s", p, a.Status, a.Body)
			}
		})
	}
	wait.Wait()
	a := d.Do("GET", "/admin/v1/apis/orders", front.Request{})
	got := a.JSON(t)
	if got["name"] != "n" || got["summary"] != "s" || !cmp.Equal(got["tags"], []any{"t"}) || got["audience"] != "public" || got["sensitivity"] != "open" || a.Header.Get("ETag") != `"6"` {
		t.Errorf("%s %v", a.Header.Get("ETag"), got)
	}
}

func TestARepeatedPOSTDoesItsWorkOnce(t *testing.T) {
	d := open(t)
	seed(d)
	post := func(as, key, path, body string) front.Answer {
		return d.Do("POST", "/admin/v1"+path, front.Request{As: as, Body: body, Header: map[string]string{"Idempotency-Key": key}})
	}
	body := `{"app":"shop","api":"orders","plan":"basic"}`
	first := post("", "k-1", "/subscriptions", body)
	if first.Status != http.StatusCreated || first.Header.Get("Idempotency-Replayed") != "" {
		t.Fatalf("%d %s", first.Status, first.Body)
	}
	again := post("", "k-1", "/subscriptions", body)
	if again.Status != first.Status || string(again.Body) != string(first.Body) || again.Header.Get("ETag") != first.Header.Get("ETag") ||
		again.Header.Get("Location") != first.Header.Get("Location") || again.Header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("first %d %v %s, then %d %v %s", first.Status, first.Header, first.Body, again.Status, again.Header, again.Body)
	}
	post("", "k-1", "/subscriptions", `{"app":"shop","api":"orders","plan":"approved"}`).WantProblem(t, http.StatusUnprocessableEntity, "idempotency_mismatch")
	post("", "k-2", "/subscriptions", body).WantProblem(t, http.StatusConflict, "conflict")
	post(front.Second, "k-1", "/subscriptions", body).WantProblem(t, http.StatusConflict, "conflict") // a key is its sender's own
	if a := post("", "k-1", "/teams", `{"id":"other","name":"x"}`); a.Status != http.StatusCreated {  // and its path's own
		t.Errorf("%d %s", a.Status, a.Body)
	}
	d.Do("DELETE", first.Header.Get("Location"), front.Request{})
	if a := post("", "k-1", "/subscriptions", body); a.Header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("what was deleted since was made anew: %d %s", a.Status, a.Body)
	}
	d.Clock.Pass(25 * time.Hour)
	if a := post("", "k-1", "/subscriptions", body); a.Status != http.StatusCreated || a.Header.Get("Idempotency-Replayed") != "" {
		t.Errorf("after a day the key is new: %d %s", a.Status, a.Body)
	}
}

func TestAFailedPOSTIsNotRemembered(t *testing.T) {
	d := open(t)
	header := map[string]string{"Idempotency-Key": "k"}
	d.Do("POST", "/admin/v1/apis", front.Request{Body: orders, Header: header}).WantProblem(t, http.StatusUnprocessableEntity, "unprocessable")
	d.Must(http.StatusCreated, "POST", "/admin/v1/teams", sales)
	if a := d.Do("POST", "/admin/v1/apis", front.Request{Body: orders, Header: header}); a.Status != http.StatusCreated {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}

func TestOf64EqualPOSTsAtOnceOneDoesTheWork(t *testing.T) {
	d := open(t)
	seed(d)
	for path, body := range map[string]string{"/teams": `{"id":"once","name":"x"}`, "/subscriptions": `{"app":"shop","api":"orders","plan":"basic"}`} {
		const clients = 64
		answers := make([]front.Answer, clients)
		var wait sync.WaitGroup
		for i := range clients {
			wait.Go(func() {
				answers[i] = d.Do("POST", "/admin/v1"+path, front.Request{Body: body, Header: map[string]string{"Idempotency-Key": "once"}})
			})
		}
		wait.Wait()
		bodies, fresh := map[string]int{}, 0
		for _, a := range answers {
			if a.Status != http.StatusCreated {
				t.Errorf("%s: %d %s", path, a.Status, a.Body)
			}
			bodies[string(a.Body)]++
			if a.Header.Get("Idempotency-Replayed") == "" {
				fresh++
			}
		}
		if fresh != 1 || len(bodies) != 1 {
			t.Errorf("%s: %d did the work, %d different answers", path, fresh, len(bodies))
		}
		location := answers[0].Header.Get("Location")
		for _, a := range answers {
			location = max(location, a.Header.Get("Location"))
		}
		kind, id := "team", "once"
		if path == "/subscriptions" {
			kind, id = "subscription", location[strings.LastIndexByte(location, '/')+1:]
		}
		trail := d.Must(http.StatusOK, "GET", "/admin/v1/audit?resource="+kind+":"+id, "")
		if entries := trail.List("items"); len(entries) != 1 {
			t.Errorf("%s: %d audit entries", path, len(entries))
		}
	}
}
