package cache_test

import (
	"strings"
	"testing"

	"sluice/shared/catalog"
)

type requirement struct {
	name  string
	steps []string
}

// requirements are those of RFC 9111 and its neighbours, by section, as what a client and an upstream see. See rig.step.
var storing = []requirement{
	{"§4 a fresh answer is given again, with its age", []string{
		"GET > 200 | Cache-Control: max-age=60 | =one => asked one [Cache-Status: sluice; fwd=uri-miss; stored] [no Age]",
		"+59s GET => hit one [Age: 59] [Cache-Status: sluice; hit; ttl=1]",
		"+1s GET > 200 | =two => asked two"}},
	{"§3 what says nothing of freshness and has no validator is not kept", []string{
		"GET > 200 | =one => asked one [Cache-Status: sluice; fwd=uri-miss]", "GET => asks"}},
	{"§4.2.2 there are no heuristics: Last-Modified alone is not freshness", []string{
		"GET > 200 | Last-Modified: Mon, 23 Nov 2020 12:00:00 GMT | =one => asked one", "GET => asks"}},
	{"§2 answers are kept by path", []string{"GET /a > 200 | Cache-Control: max-age=60 | =a => asked a", "GET /b => asks", "GET /a => hit a"}},
	{"§2 answers are kept by query", []string{"GET /a?x=1 > 200 | Cache-Control: max-age=60 | =1 => asked 1", "GET /a?x=2 => asks", "GET /a => asks", "GET /a?x=1 => hit 1"}},
	{"§3 the answer to a POST is not kept", []string{"POST > 200 | Cache-Control: max-age=60 | =one => asked one [Cache-Status: sluice; fwd=method]", "GET => asks"}},
	{"§3 the answer to an OPTIONS is not kept, and clears nothing", []string{
		"GET > 200 | Cache-Control: max-age=60 | =one => asked one", "OPTIONS > 200 | Cache-Control: max-age=60 => asked", "GET => hit one"}},
	{"§3 a GET with a body is not answered from what is kept, nor kept", []string{
		"GET > 200 | Cache-Control: max-age=60 | =one => asked one", "GET body > 200 | Cache-Control: max-age=60 | =two => asked two [Cache-Status: sluice; fwd=bypass]", "GET => hit one"}},
	{"§5.2.2.5 no-store is not kept", []string{"GET > 200 | Cache-Control: max-age=60, no-store | =one => asked one", "GET => asks"}},
	{"§5.2.2.7 private is not kept", []string{"GET > 200 | Cache-Control: private, max-age=60 | =one => asked one", "GET => asks"}},
	{"§5.2.2.7 private with a list of fields is not kept either", []string{`GET > 200 | Cache-Control: max-age=60, private="x, y" | =one => asked one`, "GET => asks"}},
	{"§5.2.2.3 must-understand lifts no-store from a status that is understood", []string{
		"GET > 200 | Cache-Control: max-age=60, no-store, must-understand | =one => asked one", "GET => hit one"}},
	{"§5.2.2.3 must-understand does not make an unknown status kept", []string{"GET > 299 | Cache-Control: max-age=60, must-understand | =one => asked 299 one", "GET => asks"}},
	{"§5.2 directives are read whatever their case, and unknown ones are skipped", []string{
		"GET > 200 | Cache-Control: Foo=\"a, no-store\", MAX-AGE=60 | =one => asked one", "GET => hit one"}},
	{"§5.2 what is quoted is no directive", []string{
		`GET > 200 | Cache-Control: foo="a, no-store, b", bar="\", no-store, \"", max-age=60 | =one => asked one`, "GET => hit one"}},
	{"§5.2 directives in several lines are one list", []string{"GET > 200 | Cache-Control: max-age=60 | Cache-Control: no-store | =one => asked one", "GET => asks"}},
	{"§5.2.1.5 a request with no-store leaves nothing", []string{
		"GET | cache-control: no-store > 200 | Cache-Control: max-age=60 | =one => asked one", "GET => asks"}},
	{"§5.2.1.5 a request with no-store may be given what is kept", []string{
		"GET > 200 | Cache-Control: max-age=60 | =one => asked one", "GET | cache-control: no-store => hit one"}},
	{"§5.2.1.5 a request with no-store freshens nothing", []string{
		`GET > 200 | Cache-Control: max-age=60 | Etag: "1" | =one => asked one`,
		`+60s GET | cache-control: no-store > 304 | Etag: "1" => checked one [Cache-Status: sluice; fwd=stale; fwd-status=304]`, "GET => asks"}},
	{"§3.3 a part is not kept", []string{"GET > 206 | Cache-Control: max-age=60 | Content-Range: bytes 0-1/9 | =on => asked 206 on", "GET => asks"}},
	{"§3.3 a request for a part goes to the upstream and leaves nothing", []string{
		"GET > 200 | Cache-Control: max-age=60 | =one => asked one",
		"GET | range: bytes=0-1 > 206 | Content-Range: bytes 0-1/3 | =on => asked 206 on [Cache-Status: sluice; fwd=bypass]", "GET => hit one"}},
	{"§3.1 what is about the connection is not kept", []string{
		"GET > 200 | Cache-Control: max-age=60 | Connection: close, x-hop | Keep-Alive: 5 | X-Hop: 1 | X-End: 2 | =one => asked one",
		"GET => hit one [no Connection] [no X-Hop] [no Keep-Alive] [X-End: 2]"}},
	{"§3.1 an upstream's own Cache-Status is not told", []string{"GET > 200 | Cache-Control: max-age=60 | Cache-Status: inner; hit | =one => asked one [Cache-Status: sluice; fwd=uri-miss; stored]"}},
	{"an answer that sets a cookie is not kept", []string{"GET > 200 | Cache-Control: public, max-age=60 | Set-Cookie: a=1 | =one => asked one", "GET => asks"}},
	{"a failure is not kept, whatever it says", []string{"GET > 503 | Cache-Control: max-age=60 | =no => asked 503 no", "GET => asks"}},
	{"a refusal of one caller is not kept", []string{"GET > 403 | Cache-Control: public, max-age=60 | =no => asked 403 no", "GET => asks"}},
	{"RFC 9110 §15.1 a 404 with freshness is kept", []string{"GET > 404 | Cache-Control: max-age=60 | =no => asked 404 no", "GET => hit 404 no"}},
	{"§3 a status that is not for keeping by itself is not kept for its tag alone", []string{`GET > 302 | Etag: "1" => asked 302`, "GET > 302 => asked 302"}},
	{"RFC 9110 §15.1 a redirect with freshness is kept", []string{
		"GET > 302 | Cache-Control: max-age=60 | Location: /b => asked 302", "GET => hit 302 [Location: /b]"}},
}

var partitions = []requirement{
	{"§3.5 an answer is its app's own", []string{
		"GET app=a > 200 | Cache-Control: max-age=60 | =of-a => asked of-a", "GET app=b > 200 | Cache-Control: max-age=60 | =of-b => asked of-b",
		"GET app=a => hit of-a", "GET app=b => hit of-b"}},
	{"§3.5 an answer is its scopes' own", []string{
		"GET scopes=read > 200 | Cache-Control: max-age=60 | =few => asked few", "GET scopes=read,all => asks", "GET scopes=read => hit few"}},
	{"§3.5 who is nobody gets nothing of an app's, nor the other way round", []string{
		"GET app= > 200 | Cache-Control: max-age=60 | =open => asked open", "GET app=a => asks", "GET app= => hit open"}},
	{"§3.5 public is for all", []string{
		"GET app=a > 200 | Cache-Control: public, max-age=60 | =all => asked all", "GET app=b => hit all", "GET app= => hit all", "GET cookie => hit all"}},
	{"§3.5 s-maxage is for all", []string{"GET app=a > 200 | Cache-Control: s-maxage=60 | =all => asked all", "GET app=b scopes=x => hit all"}},
	{"§3.5 must-revalidate alone is not: frameworks say it by habit", []string{
		"GET app=a > 200 | Cache-Control: must-revalidate, max-age=60 | =of-a => asked of-a", "GET app=b => asks"}},
	{"a call with a cookie sees only what is for all", []string{
		"GET > 200 | Cache-Control: max-age=60 | =mine => asked mine", "GET cookie => asks", "GET | cookie: a=b => asks"}},
	{"a call with a cookie leaves only what is for all", []string{
		"GET cookie > 200 | Cache-Control: max-age=60 | =mine => asked mine", "GET cookie => asks", "GET => asks",
		"GET cookie > 200 | Cache-Control: public, max-age=60 | =all => asked all", "GET => hit all"}},
	{"what varies by the caller is never for all", []string{
		"GET app=a > 200 | Cache-Control: public, max-age=60 | Vary: X-Sluice-App | =of-a => asked of-a", "GET app=b => asks", "GET app=a => hit of-a"}},
	{"what varies by cookies is not kept of a call with one", []string{
		"GET cookie > 200 | Cache-Control: public, max-age=60 | Vary: Cookie | =mine => asked mine", "GET => asks", "GET cookie => asks"}},
	{"a new revision of the contract gets no answer of the old one", []string{
		"GET rev=1 > 200 | Cache-Control: public, max-age=60 | =old => asked old", "GET rev=2 => asks", "GET rev=1 => hit old"}},
	{"a version gets no answer of another", []string{"GET v=v1 > 200 | Cache-Control: public, max-age=60 | =old => asked old", "GET v=v2 => asks"}},
}

var freshness = []requirement{
	{"§4.2.1 s-maxage wins over max-age and Expires", []string{
		"GET > 200 | Cache-Control: max-age=5, s-maxage=60 | Expires: Mon, 23 Nov 2026 12:00:01 GMT | =one => asked one", "+59s GET => hit one", "+1s GET => asks"}},
	{"§4.2.1 max-age wins over Expires", []string{
		"GET > 200 | Cache-Control: max-age=60 | Expires: Mon, 23 Nov 2026 12:00:01 GMT | =one => asked one", "+59s GET => hit one"}},
	{"§5.3 Expires counts from Date", []string{
		"GET > 200 | Date: Mon, 23 Nov 2026 12:00:00 GMT | Expires: Mon, 23 Nov 2026 12:01:00 GMT | =one => asked one", "+59s GET => hit one", "+1s GET => asks"}},
	{"§5.3 an Expires that is no date is in the past", []string{`GET > 200 | Expires: 0 | Etag: "1" | =one => asked one`, `GET > 304 | Etag: "1" => checked one`}},
	{"§4.2.1 of two Expires none is believed", []string{
		"GET > 200 | Expires: Mon, 23 Nov 2026 13:00:00 GMT | Expires: Mon, 23 Nov 2026 14:00:00 GMT | =one => asked one", "GET => asks"}},
	{"§4.2.1 two max-age that differ are stale", []string{"GET > 200 | Cache-Control: max-age=60, max-age=90 | =one => asked one", "GET => asks"}},
	{"§4.2.1 a max-age that is no number is stale", []string{"GET > 200 | Cache-Control: max-age=1.5 | =one => asked one", "GET => asks"}},
	{"§5.2 a quoted argument is read", []string{`GET > 200 | Cache-Control: max-age="60" | =one => asked one`, "GET => hit one"}},
	{"§1.2.2 a number too large for anybody is for ever", []string{"GET > 200 | Cache-Control: max-age=99999999999999999999 | =one => asked one", "+1000h GET => hit one"}},
	{"§1.2.2 nor does it come around to 0", []string{"GET > 200 | Cache-Control: max-age=18446744073709551616 | =one => asked one", "GET => hit one"}},
	{"§4.2.3 the Age that an upstream's cache tells counts", []string{
		"GET > 200 | Cache-Control: max-age=60 | Age: 50 | =one => asked one", "+9s GET => hit one [Age: 59]", "+1s GET => asks"}},
	{"§4.2.3 an old Date counts", []string{
		"GET > 200 | Cache-Control: max-age=60 | Date: Mon, 23 Nov 2026 11:59:10 GMT | =one => asked one", "+9s GET => hit one [Age: 59]", "+1s GET => asks"}},
	{"§4.2.3 a Date to come does not make an answer younger", []string{
		"GET > 200 | Cache-Control: max-age=60 | Date: Mon, 23 Nov 2026 13:00:00 GMT | =one => asked one", "+60s GET => asks"}},
	{"§4.2.3 the time that the upstream took counts", []string{"GET > +10s 200 | Cache-Control: max-age=60 | Age: 1 | =one => asked one", "+48s GET => hit one [Age: 59]", "+1s GET => asks"}},
	{"RFC 9110 §6.6.1 an answer without a Date is of when it came", []string{"GET > 200 | undated | Expires: Mon, 23 Nov 2026 12:01:00 GMT | =one => asked one", "+59s GET => hit one"}},
	{"§5.2.2.4 no-cache is given only after asking", []string{
		`GET > 200 | Cache-Control: no-cache, max-age=60 | Etag: "1" | =one => asked one`, `GET > 304 | Etag: "1" => checked one`, `GET > 304 | Etag: "1" => checked one`}},
	{"§5.2.2.4 no-cache with a list of fields too", []string{
		`GET > 200 | Cache-Control: max-age=60, no-cache="set-cookie" | Etag: "1" | =one => asked one`, `GET > 304 | Etag: "1" => checked one`}},
}

var requests = []requirement{
	{"§5.2.1.4 a request with no-cache goes to the upstream, and freshens", []string{
		`GET > 200 | Cache-Control: max-age=60 | Etag: "1" | =one => asked one`,
		`+10s GET | cache-control: no-cache > 304 | Etag: "1" => checked one [Cache-Status: sluice; fwd=request; fwd-status=304; stored]`, "+55s GET => hit one [Age: 55]"}},
	{"§5.4 Pragma: no-cache means the same", []string{`GET > 200 | Cache-Control: max-age=60 | =one => asked one`, "GET | pragma: no-cache => asks"}},
	{"§5.4 but not beside a Cache-Control", []string{
		`GET > 200 | Cache-Control: max-age=60 | =one => asked one`, "GET | pragma: no-cache | cache-control: max-age=60 => hit one"}},
	{"§5.2.1.1 a request says how old an answer may be", []string{
		"GET > 200 | Cache-Control: max-age=60 | =one => asked one", "+10s GET | cache-control: max-age=10 => hit one", "+1s GET | cache-control: max-age=10 => asks"}},
	{"§5.2.1.1 max-age=0 asks the upstream", []string{"GET > 200 | Cache-Control: max-age=60 | =one => asked one", "+1s GET | cache-control: max-age=0 => asks"}},
	{"§5.2.1.3 a request says how long an answer must be fresh yet", []string{
		"GET > 200 | Cache-Control: max-age=60 | =one => asked one", "+30s GET | cache-control: min-fresh=30 => hit one", "+1s GET | cache-control: min-fresh=30 => asks"}},
	{"§5.2.1.2 a request may take what is stale for so long", []string{
		"GET > 200 | Cache-Control: max-age=60 | =one => asked one", "+70s GET | cache-control: max-stale=10 => hit one [Cache-Status: sluice; hit; ttl=-10]",
		"+1s GET | cache-control: max-stale=10 => asks", "+1h GET | cache-control: max-stale => hit one"}},
	{"§4.2.4 must-revalidate is not given stale, whatever the request says", []string{
		"GET > 200 | Cache-Control: max-age=60, must-revalidate | =one => asked one", "+61s GET | cache-control: max-stale => asks"}},
	{"§4.2.4 nor is proxy-revalidate", []string{
		"GET > 200 | Cache-Control: max-age=60, proxy-revalidate | Etag: \"1\" | =one => asked one", "+61s GET | cache-control: max-stale => asks"}},
	{"§4.2.4 nor is s-maxage", []string{"GET > 200 | Cache-Control: s-maxage=60 | Etag: \"1\" | =one => asked one", "+61s GET | cache-control: max-stale => asks"}},
	{"§4.2.4 nor is no-cache", []string{"GET > 200 | Cache-Control: no-cache | Etag: \"1\" | =one => asked one", "GET | cache-control: max-stale => asks"}},
	{"§5.2.1.7 only-if-cached is 504 where nothing is kept", []string{"GET | cache-control: only-if-cached => denied 504"}},
	{"§5.2.1.7 only-if-cached is 504 where what is kept is stale", []string{
		`GET > 200 | Cache-Control: max-age=60 | Etag: "1" | =one => asked one`, "+60s GET | cache-control: only-if-cached => denied 504"}},
	{"§5.2.1.7 only-if-cached is 504 for a part", []string{
		"GET > 200 | Cache-Control: max-age=60 | =one => asked one", "GET | cache-control: only-if-cached | range: bytes=0-1 => denied 504"}},
	{"§5.2.1.7 only-if-cached is given what is fresh", []string{
		"GET > 200 | Cache-Control: max-age=60 | =one => asked one", "GET | cache-control: only-if-cached => hit one"}},
	{"RFC 9110 §13.1.1 a precondition on the state is the upstream's to judge", []string{
		"GET > 200 | Cache-Control: max-age=60 | =one => asked one",
		`GET | if-match: "x" > 412 => asked 412`, "GET | if-unmodified-since: Mon, 23 Nov 2026 12:00:00 GMT > 412 => asked 412", "GET => hit one"}},
}

func TestRFC9111(t *testing.T) {
	groups := map[string][]requirement{"storing": storing, "partitions": partitions, "freshness": freshness, "requests": requests,
		"vary": varying, "validation": validation, "heads": heads, "invalidation": invalidation}
	n := 0
	for group, list := range groups {
		n += len(list)
		for _, r := range list {
			t.Run(group+"/"+strings.ReplaceAll(r.name, "/", "⁄"), func(t *testing.T) { play(t, &catalog.Cache{}, r.steps) })
		}
	}
	t.Logf("%d requirements", n)
}
