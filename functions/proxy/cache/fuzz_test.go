package cache_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"sluice/functions/proxy/cache"
)

// FuzzFields gives the cache fields of all sorts, and holds it to what can be said without reading them: nothing breaks, an
// answer without a number is not fresh, one whose every directive is a plain word among which is no-store or private is not kept,
// an age is no less than what has passed, and who asks only for what is kept is not sent on.
func FuzzFields(f *testing.F) {
	f.Add("max-age=60", "", "", `"1"`, "", "", "", "")
	f.Add(`private="a,b", max-age=60`, "max-stale", "Accept", `W/"1"`, `W/"1", "2"`, "http://up.example/base/b", "5", "Mon, 23 Nov 2026 12:01:00 GMT")
	f.Add(`no-cache, s-maxage="9`, "only-if-cached, min-fresh=3", "*", "x", `"`, "//x", "-1", "0")
	f.Add("public, max-age=99999999999", "max-age=0, max-stale=5", "a,,b", `"`, "*", "%", "9999999999", "")
	f.Fuzz(func(t *testing.T, control, ask, vary, tag, match, location, age, expires string) {
		now := noon
		c := cache.New(1<<20, func() time.Time { return now })
		fields := map[string]string{"cache-control": ask, "if-none-match": match, "accept": "a"}
		request := func(method string) *cache.Request {
			r := asked("/a")
			r.Method, r.Header = method, fields
			return r
		}
		answer := func() cache.Answer {
			h := http.Header{"Date": {now.Format(http.TimeFormat)}, "Location": {location}, "Age": {age}}
			for name, value := range map[string]string{"Cache-Control": control, "Vary": vary, "Etag": tag, "Expires": expires} {
				if value != "" {
					h[name] = []string{value}
				}
			}
			return cache.Answer{Status: 200, Header: h, Body: []byte("one")}
		}
		v := c.Look(t.Context(), request(http.MethodGet))
		if v.Denial == nil {
			v.Prepare(http.Header{"If-None-Match": {match}})
			if _, err := v.Finish(answer()); err != nil {
				t.Fatal(err)
			}
		}
		now = now.Add(7 * time.Second)
		delete(fields, "cache-control")
		second := c.Look(t.Context(), request(http.MethodGet))
		defer second.Leave()
		if second.Answer != nil {
			if n, err := strconv.Atoi(second.Answer.Header.Get("Age")); err != nil || n < 7 {
				t.Fatalf("it is %q old", second.Answer.Header.Get("Age"))
			}
			if !strings.ContainsAny(control, "123456789") && expires == "" || plainly(control, "no-store") || plainly(control, "private") {
				t.Fatalf("with %q it is a hit", control)
			}
		} else {
			h := http.Header{}
			second.Prepare(h)
			if _, err := second.Finish(cache.Answer{Status: 304, Header: http.Header{"Etag": {tag}}}); err != nil && h.Get("If-None-Match") == tag && tag != "" {
				t.Fatalf("a 304 for %q is not believed: %v", tag, err)
			}
		}
		if _, err := c.Look(t.Context(), request(http.MethodPost)).Finish(answer()); err != nil || c.Bytes() > 1<<20 {
			t.Fatal(err)
		}
		fields["cache-control"] = "only-if-cached"
		if last := c.Look(t.Context(), request(http.MethodGet)); last.Denial == nil {
			t.Fatal("after a POST something is there")
		}
	})
}

// plainly reports whether a list has the word, and only words without quotes.
func plainly(list, word string) bool {
	found := false
	for part := range strings.SplitSeq(list, ",") {
		if strings.Contains(part, `"`) || strings.Contains(part, "must-understand") {
			return false
		}
		found = found || strings.EqualFold(strings.Trim(part, " \t"), word)
	}
	return found && !strings.Contains(strings.ToLower(list), "must-understand")
}
