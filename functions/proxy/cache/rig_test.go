package cache_test

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"sluice/functions/proxy/cache"
	"sluice/shared/catalog"
	"sluice/shared/decision"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// rig is a cache with a clock, and an upstream that says what a step says.
type rig struct {
	t     *testing.T
	now   time.Time
	cache *cache.Cache
	set   *catalog.Cache
}

func newRig(t *testing.T, set *catalog.Cache) *rig {
	r := &rig{t: t, now: noon, set: set}
	r.cache = cache.New(1<<20, func() time.Time { return r.now })
	return r
}

// step does one line of a case and gives what came of it:
//
//	+60s GET /path?query app=x scopes=a,b rev=2 v=v2 cookie body | request: field > 200 | Answer: field | =body
//
// The time goes on first; a "+" before the answer lets it take that long; "!" is an upstream that does not answer; without
// one the upstream must not be asked. What comes of it: hit, asked (without validators), checked (with the cache's), relayed
// (with the client's), saved (by stale-if-error), failed or denied; then the status if it is not 200; then the body.
func (r *rig) step(line string) (got string, a cache.Answer) {
	ask, answer, called := strings.Cut(line, " > ")
	request := r.request(ask)
	visit := r.cache.Look(r.t.Context(), &request)
	defer visit.Leave()
	switch {
	case visit.Denial != nil:
		return "denied " + strconv.Itoa(visit.Denial.Code.Status()), a
	case visit.Answer != nil:
		return "hit" + shown(*visit.Answer), *visit.Answer
	case !called:
		return "asks", a
	}
	how := r.validators(visit, request)
	up, failed := r.answer(answer)
	if failed {
		if a, saved := visit.Rescue(); saved {
			return "saved" + shown(a), a
		}
		return "failed", a
	}
	a, err := visit.Finish(up)
	if err != nil {
		if !errors.Is(err, cache.ErrNotAsked) {
			r.t.Fatal(err)
		}
		return how + " in vain", a
	}
	if status := a.Header.Get("Cache-Status"); strings.Contains(status, "stale-if-error") {
		how = "saved"
	}
	return how + shown(a), a
}

func (r *rig) validators(visit *cache.Visit, request cache.Request) string {
	h := http.Header{}
	for name, value := range request.Header {
		h.Set(name, value)
	}
	visit.Prepare(h)
	tag, since := h.Get("If-None-Match"), h.Get("If-Modified-Since")
	switch {
	case tag == "" && since == "":
		return "asked"
	case tag == request.Header["if-none-match"] && since == request.Header["if-modified-since"]:
		return "relayed"
	}
	return "checked"
}

func shown(a cache.Answer) string {
	s := ""
	if a.Status != http.StatusOK {
		s = " " + strconv.Itoa(a.Status)
	}
	if len(a.Body) > 0 {
		s += " " + string(a.Body)
	}
	return s
}

func (r *rig) request(ask string) cache.Request {
	words, fields, _ := strings.Cut(ask, " | ")
	q := cache.Request{Header: map[string]string{}, Caller: decision.Caller{App: "shop"},
		Target: decision.Target{API: "orders", Version: "v1", Revision: "1", Path: "/a", Upstream: catalog.Upstream{URL: "http://up.example/base", Cache: r.set}}}
	for _, w := range strings.Fields(words) {
		key, value, _ := strings.Cut(w, "=")
		switch {
		case w[0] == '+':
			r.now = r.now.Add(r.duration(w))
		case w[0] == '/':
			q.Target.Path, q.Query, _ = strings.Cut(w, "?")
		case key == "app":
			q.Caller.App = catalog.AppID(value)
		case key == "scopes":
			q.Caller.Scopes = strings.Split(value, ",")
		case key == "rev":
			q.Target.Revision = catalog.RevisionID(value)
		case key == "v":
			q.Target.Version = catalog.VersionID(value)
		case w == "cookie":
			q.Cookies = true
		case w == "body":
			q.Body = true
		default:
			q.Method = w
		}
	}
	for f := range strings.SplitSeq(fields, " | ") {
		if name, value, ok := strings.Cut(f, ": "); ok {
			q.Header[name] = value
		}
	}
	return q
}

func (r *rig) duration(w string) time.Duration {
	d, err := time.ParseDuration(w[1:])
	if err != nil {
		r.t.Fatal(err)
	}
	return d
}

func (r *rig) answer(text string) (a cache.Answer, failed bool) {
	if text == "!" {
		return a, true
	}
	a.Header = http.Header{}
	dated := true
	for i, part := range strings.Split(text, " | ") {
		name, value, isField := strings.Cut(part, ": ")
		switch {
		case i == 0:
			for w := range strings.FieldsSeq(part) {
				if w[0] == '+' {
					r.now = r.now.Add(r.duration(w))
				} else if _, err := fmt.Sscan(w, &a.Status); err != nil {
					r.t.Fatal(err)
				}
			}
		case part[0] == '=':
			a.Body = []byte(part[1:])
		case part == "undated":
			dated = false
		case isField:
			a.Header.Add(name, value)
		default:
			r.t.Fatalf("what is %q?", part)
		}
	}
	if dated && a.Header.Get("Date") == "" {
		a.Header.Set("Date", r.now.Format(http.TimeFormat))
	}
	return a, false
}

// play does the steps of a case. Each ends in " => " and what must come of it, with fields that the answer must have in
// brackets, "[Age: 3]", or must not have, "[no Age]".
func play(t *testing.T, set *catalog.Cache, steps []string) {
	t.Helper()
	r := newRig(t, set)
	for _, line := range steps {
		do, want, _ := strings.Cut(line, " => ")
		got, a := r.step(do)
		outcome, fields, _ := strings.Cut(want, " [")
		if got != outcome {
			t.Fatalf("%s\n got: %s %v", line, got, a.Header)
		}
		for f := range strings.SplitSeq(strings.TrimSuffix(fields, "]"), "] [") {
			if name, not := strings.CutPrefix(f, "no "); not {
				if v := a.Header[name]; v != nil {
					t.Errorf("%s\n has %s %q", line, name, v)
				}
			} else if name, value, ok := strings.Cut(f, ": "); ok && strings.Join(a.Header[name], ", ") != value {
				t.Errorf("%s\n has %s %q", line, name, a.Header[name])
			}
		}
	}
}
