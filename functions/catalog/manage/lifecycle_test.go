package manage_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/test/management/front"
)

const (
	versionPath = "/admin/v1/apis/orders/versions/v1"
	document    = `{"openapi":"3.0.3","info":{"title":"Orders","version":"1"},"paths":{"/orders/{id}":{"get":{"operationId":"getOrder",
"parameters":[{"name":"id","in":"path","required":true,"schema":{"type":"string"}}],"responses":{"200":{"description":"ok"}}}}}}`
)

func TestAVersionMovesThroughItsLifecycleAndBack(t *testing.T) {
	d := open(t)
	seed(d)
	d.Must(http.StatusCreated, "PUT", versionPath+"/contract", document)
	d.Must(http.StatusCreated, "POST", "/admin/v1/apis/orders/versions", strings.Replace(v1, `"v1"`, `"v2"`, 1))
	move := func(body string) front.Answer {
		return d.Do("POST", versionPath+"/transitions", front.Request{Body: body})
	}
	var want []string
	for _, c := range []struct{ body, state string }{
		{`{"to":"review"}`, "review"}, {`{"to":"draft"}`, "draft"}, {`{"to":"published"}`, "published"},
		{`{"to":"deprecated","sunset":"2027-06-01T02:00:00+02:00","successor":"v2"}`, "deprecated"}, {`{"to":"published"}`, "published"},
		{`{"to":"deprecated","sunset":"2027-06-01T00:00:00Z","reason":"too old"}`, "deprecated"}, {`{"to":"retired"}`, "retired"}, {`{"to":"deprecated"}`, "deprecated"},
	} {
		d.Clock.Pass(time.Minute)
		a := move(c.body)
		if a.Status != http.StatusOK {
			t.Fatalf("%s: %d %s", c.body, a.Status, a.Body)
		}
		if got := d.Do("GET", versionPath, front.Request{}); string(got.Body) != string(a.Body) || got.Header.Get("ETag") != a.Header.Get("ETag") {
			t.Errorf("answered %s, stored %s", a.Body, got.Body)
		}
		v := a.JSON(t)
		if v["state"] != c.state {
			t.Errorf("%s: it is %v", c.body, v)
		}
		if c.state == "deprecated" && v["sunset"] != "2027-06-01T00:00:00Z" {
			t.Errorf("%s: sunset %v", c.body, v["sunset"])
		}
		if c.state == "published" && (v["deprecated"] != nil || v["sunset"] != nil || v["successor"] != nil) {
			t.Errorf("still deprecated: %v", v)
		}
		want = append(want, c.state)
	}
	var got []string
	for cursor, first := "", true; first || cursor != ""; first = false {
		page := d.Must(http.StatusOK, "GET", versionPath+"/transitions?limit=3&cursor="+cursor, "")
		for _, item := range page.List("items") {
			s := front.Of(item)
			got = append([]string{s.Text("to")}, got...)
			if actor := front.Of(s["actor"]); actor["name"] != "Ada" || s["request_id"] == "" || s["at"] == "" || s["from"] == s["to"] {
				t.Errorf("step %v", s)
			}
		}
		cursor = page.Text("next")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAStepThatIsNotOpenIsRefusedAndChangesNothing(t *testing.T) {
	d := open(t)
	seed(d)
	refused := func(body string, status int, code, pointer string) {
		t.Helper()
		before := d.Do("GET", versionPath, front.Request{})
		a := d.Do("POST", versionPath+"/transitions", front.Request{Body: body})
		a.WantProblem(t, status, code)
		if got := a.Pointers(t); pointer != "" && (len(got) == 0 || got[0] != pointer) {
			t.Errorf("%s points to %v", body, got)
		}
		if after := d.Do("GET", versionPath, front.Request{}); string(after.Body) != string(before.Body) {
			t.Errorf("%s: it was %s and is %s", body, before.Body, after.Body)
		}
	}
	refused(`{"to":"published"}`, 422, "unprocessable", "") // no contract yet
	d.Must(http.StatusCreated, "PUT", versionPath+"/contract", document)
	refused(`{"to":"retired"}`, 409, "conflict", "")
	refused(`{"to":"draft"}`, 409, "conflict", "")
	refused(`{"to":"gone"}`, 422, "unprocessable", "/to")
	refused(`{}`, 422, "unprocessable", "/to")
	d.Must(http.StatusOK, "POST", versionPath+"/transitions", `{"to":"published"}`)
	refused(`{"to":"deprecated"}`, 422, "unprocessable", "/sunset")
	refused(`{"to":"deprecated","sunset":"2027-06-01T00:00:00Z"}`, 422, "unprocessable", "/successor")
	refused(`{"to":"deprecated","sunset":"2020-06-01T00:00:00Z","reason":"x"}`, 422, "unprocessable", "/sunset")
	refused(`{"to":"deprecated","sunset":"9999-12-31T23:59:59-12:00","reason":"x"}`, 422, "unprocessable", "/sunset")
	refused(`{"to":"deprecated","sunset":"2027-06-31T00:00:00Z","reason":"x"}`, 422, "unprocessable", "/sunset")
	refused(`{"to":"deprecated","sunset":"2027-06-01","reason":"x"}`, 422, "unprocessable", "/sunset")
	refused(`{"to":"deprecated","sunset":"2027-06-01T00:00:00Z","successor":"v1"}`, 422, "unprocessable", "/successor")
	refused(`{"to":"deprecated","sunset":"2027-06-01T00:00:00Z","successor":"v9"}`, 422, "unprocessable", "/successor")
	stale := d.Do("POST", versionPath+"/transitions", front.Request{Body: `{"to":"deprecated","sunset":"2027-06-01T00:00:00Z","reason":"x"}`, Header: map[string]string{"If-Match": `"1"`}})
	stale.WantProblem(t, 412, "precondition_failed")
	d.Do("DELETE", versionPath, front.Request{}).WantProblem(t, 409, "conflict") // it is served
	d.Do("POST", "/admin/v1/apis/orders/versions/v9/transitions", front.Request{Body: `{"to":"review"}`}).WantProblem(t, 404, "not_found")
	d.Do("GET", "/admin/v1/apis/orders/versions/v9/transitions", front.Request{}).WantProblem(t, 404, "not_found")
}

func TestARepeatedTransitionIsDoneOnce(t *testing.T) {
	d := open(t)
	seed(d)
	d.Must(http.StatusCreated, "PUT", versionPath+"/contract", document)
	post := func() front.Answer {
		return d.Do("POST", versionPath+"/transitions", front.Request{Body: `{"to":"published"}`, Header: map[string]string{"Idempotency-Key": "publish-1"}})
	}
	first, again := post(), post()
	if first.Status != 200 || again.Status != 200 || string(first.Body) != string(again.Body) || again.Header.Get("Idempotency-Replayed") != "true" ||
		first.Header.Get("ETag") != again.Header.Get("ETag") {
		t.Errorf("%d %s, then %d %s", first.Status, first.Body, again.Status, again.Body)
	}
}

func TestAVersionOfAnOldNameStartsWithAnEmptyHistory(t *testing.T) {
	d := open(t)
	seed(d)
	d.Must(http.StatusCreated, "PUT", versionPath+"/contract", document)
	d.Must(http.StatusOK, "POST", versionPath+"/transitions", `{"to":"review"}`)
	if a := d.Do("DELETE", versionPath, front.Request{}); a.Status != http.StatusNoContent {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	d.Clock.Pass(time.Second)
	d.Must(http.StatusCreated, "POST", "/admin/v1/apis/orders/versions", v1)
	if page := d.Must(http.StatusOK, "GET", versionPath+"/transitions", ""); len(page.List("items")) != 0 || page["next"] != "" {
		t.Errorf("%v", page)
	}
	d.Do("GET", versionPath+"/contract", front.Request{}).WantProblem(t, 404, "not_found")
}

func TestAContractIsGivenBackByteForByte(t *testing.T) {
	d := open(t)
	seed(d)
	d.Do("GET", versionPath+"/contract", front.Request{}).WantProblem(t, 404, "not_found")
	yaml := "# kept\nopenapi: 3.1.0\ninfo: {title: Orders é, version: '1'}\npaths:\n  /orders:\n    get:\n      operationId: listOrders\n      responses: {'200': {description: ok}}\n"
	first := d.Do("PUT", versionPath+"/contract", front.Request{Body: yaml, Header: map[string]string{"Content-Type": "application/yaml"}})
	if first.Status != http.StatusCreated || first.Header.Get("Location") != versionPath+"/contract" {
		t.Fatalf("%d %v %s", first.Status, first.Header, first.Body)
	}
	made := first.JSON(t)
	if made["title"] != "Orders é" || made["operations"] != 1.0 || first.Header.Get("ETag") != `"`+made.Text("revision")+`"` {
		t.Errorf("%v %v", first.Header, made)
	}
	got := d.Do("GET", versionPath+"/contract", front.Request{})
	if string(got.Body) != yaml || !strings.HasPrefix(got.Header.Get("Content-Type"), "application/yaml") || got.Header.Get("ETag") != first.Header.Get("ETag") {
		t.Errorf("%v %q", got.Header, got.Body)
	}
	if same := d.Do("GET", versionPath+"/contract", front.Request{Header: map[string]string{"If-None-Match": got.Header.Get("ETag")}}); same.Status != http.StatusNotModified {
		t.Errorf("%d", same.Status)
	}
	rev := d.Do("GET", versionPath, front.Request{}).Header.Get("ETag")
	if again := d.Do("PUT", versionPath+"/contract", front.Request{Body: yaml, Header: map[string]string{"Content-Type": "application/yaml"}}); again.Status != 200 {
		t.Errorf("%d %s", again.Status, again.Body)
	}
	if now := d.Do("GET", versionPath, front.Request{}).Header.Get("ETag"); now != rev {
		t.Errorf("the same contract made a change: %s, then %s", rev, now)
	}
	put := func(tag string) int {
		return d.Do("PUT", versionPath+"/contract", front.Request{Body: document, Header: map[string]string{"If-Match": tag}}).Status
	}
	if old, present, gone, any := put(`"abc"`), put(got.Header.Get("ETag")), put(got.Header.Get("ETag")), put(`*`); old != 412 || present != 200 || gone != 412 || any != 200 {
		t.Errorf("another revision's tag: %d, the present one's: %d, once it is replaced: %d, any: %d", old, present, gone, any)
	}
	if v := d.Must(200, "GET", versionPath, ""); v["revision"] == made["revision"] {
		t.Error("the version still names the old revision")
	}
}

func TestAContractThatCannotBeServedLeavesNoTrace(t *testing.T) {
	d := open(t)
	seed(d)
	d.Must(http.StatusCreated, "PUT", versionPath+"/contract", document)
	before := d.Do("GET", versionPath, front.Request{})
	for name, c := range map[string]struct {
		body, media string
		status      int
		code        string
	}{
		"no OpenAPI":         {`{"hello":"world"}`, "application/json", 422, "unprocessable"},
		"a broken reference": {strings.Replace(document, `{"description":"ok"}`, `{"$ref":"#/components/responses/No"}`, 1), "application/json", 422, "unprocessable"},
		"no JSON":            {`{"openapi":`, "application/json", 422, "unprocessable"},
		"another media type": {document, "image/png", 415, "unsupported_media_type"},
		"no media type":      {document, "", 415, "unsupported_media_type"},
		"more than 5 MB":     {strings.Repeat(" ", 5<<20) + document, "application/json", 413, "request_too_large"},
		"nothing":            {"", "application/json", 422, "unprocessable"},
	} {
		t.Run(name, func(t *testing.T) {
			a := d.Do("PUT", versionPath+"/contract", front.Request{Body: c.body, Header: map[string]string{"Content-Type": c.media}})
			if a.Status == 400 && c.code == "unprocessable" {
				a.WantProblem(t, 400, "invalid_request")
				return
			}
			a.WantProblem(t, c.status, c.code)
		})
	}
	if after := d.Do("GET", versionPath, front.Request{}); string(after.Body) != string(before.Body) {
		t.Errorf("it was %s and is %s", before.Body, after.Body)
	}
	d.Must(http.StatusOK, "POST", versionPath+"/transitions", `{"to":"published"}`)
	d.Must(http.StatusOK, "POST", versionPath+"/transitions", `{"to":"deprecated","sunset":"2027-01-01T00:00:00Z","reason":"x"}`)
	d.Must(http.StatusOK, "POST", versionPath+"/transitions", `{"to":"retired"}`)
	d.Do("PUT", versionPath+"/contract", front.Request{Body: document}).WantProblem(t, 409, "conflict")
	d.Must(http.StatusCreated, "POST", "/admin/v1/apis", strings.NewReplacer(`"orders"`, `"events"`, `"rest"`, `"event"`).Replace(orders))
	d.Must(http.StatusCreated, "POST", "/admin/v1/apis/events/versions", v1)
	d.Do("PUT", "/admin/v1/apis/events/versions/v1/contract", front.Request{Body: document}).WantProblem(t, 422, "unprocessable")
}
