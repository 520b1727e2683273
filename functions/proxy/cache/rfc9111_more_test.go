package cache_test

import (
	"testing"

	"sluice/shared/catalog"
)

var varying = []requirement{
	{"§4.1 an answer is given to requests with the same fields only", []string{
		"GET | accept-language: de > 200 | Cache-Control: max-age=60 | Vary: Accept-Language | =ja => asked ja",
		"GET | accept-language: en > 200 | Cache-Control: max-age=60 | Vary: accept-language | =yes => asked yes [Cache-Status: sluice; fwd=vary-miss; stored]",
		"GET | accept-language: de => hit ja", "GET | accept-language: en => hit yes", "GET => asks"}},
	{"§4.1 a field that is not there matches only one that is not there", []string{
		"GET > 200 | Cache-Control: max-age=60 | Vary: Accept | =any => asked any", "GET | accept: */* => asks", "GET | accept:   => asks", "GET => hit any"}},
	{"§4.1 white space in a field means nothing", []string{
		"GET | accept: a,  b > 200 | Cache-Control: max-age=60 | Vary: Accept | =ab => asked ab", "GET | accept: a, b => hit ab", "GET | accept: a,b => hit ab", "GET | accept: b,a => asks"}},
	{"§4.1 all fields of all Vary lines count", []string{
		"GET | a: 1 | b: 1 > 200 | Cache-Control: max-age=60 | Vary: a | Vary: x, b | =11 => asked 11", "GET | a: 1 | b: 2 => asks", "GET | a: 1 | b: 1 => hit 11"}},
	{"§4.1 Vary: * matches nothing", []string{"GET > 200 | Cache-Control: max-age=60 | Vary: Accept, * | =one => asked one", "GET => asks"}},
	{"§4.1 of several that match the latest is given", []string{
		"GET | b: 1 > 200 | Cache-Control: max-age=60 | Vary: b | =old => asked old",
		"+1s GET | b: 2 > 200 | Cache-Control: max-age=60 | Vary: a | =new => asked new", "GET | b: 1 => hit new"}},
	{"what varies by the gateway's own fields is not kept: they differ for each call", []string{
		"GET > 200 | Cache-Control: max-age=60 | Vary: traceparent | =one => asked one", "GET => asks", "GET > 200 | Cache-Control: max-age=60 | Vary: Accept, X-Forwarded-For | =one => asked one", "GET => asks"}},
	{"what varies by what is never the same twice is not kept", []string{"GET > 200 | Cache-Control: max-age=60 | Vary: X-Request-Id | =one => asked one", "GET => asks"}},
}

var validation = []requirement{
	{"§4.3.4 a 304 freshens what is kept, and brings its header up to date", []string{
		`GET > 200 | Cache-Control: max-age=60 | Etag: "1" | X-N: 1 | Content-Type: a/b | =one => asked one`,
		`+60s GET > 304 | Etag: "1" | Cache-Control: max-age=90 | X-N: 2 | X-M: 3 | Content-Length: 0 | Content-Type: c/d => checked one [X-N: 2] [X-M: 3] [Content-Type: a/b] [no Content-Length] [Cache-Status: sluice; fwd=stale; fwd-status=304; stored]`,
		"+89s GET => hit one [X-N: 2] [Age: 89]", "+1s GET => asks"}},
	{"§4.3.4 a 304 without a Date is of when it came", []string{
		`GET > 200 | Cache-Control: max-age=60 | Etag: "1" | =one => asked one`, `+60s GET > 304 | undated | Etag: "1" => checked one`, "+59s GET => hit one"}},
	{"§4.3.4 the Age of the old answer is not the new one's", []string{
		`GET > 200 | Cache-Control: max-age=60 | Age: 50 | Etag: "1" | =one => asked one`, `+10s GET > 304 | Etag: "1" => checked one`, "+59s GET => hit one [Age: 59]"}},
	{"§4.3.1 Last-Modified is asked about where there is no tag", []string{
		"GET > 200 | Cache-Control: max-age=60 | Last-Modified: Mon, 23 Nov 2026 11:00:00 GMT | =one => asked one", "+60s GET > 304 => checked one", "+59s GET => hit one"}},
	{"§4.3.3 a whole answer takes the place of what was kept", []string{
		`GET > 200 | Cache-Control: max-age=60 | Etag: "1" | =one => asked one`, `+60s GET > 200 | Cache-Control: max-age=60 | Etag: "2" | =two => checked two`, "GET => hit two"}},
	{"§4.3.3 a whole answer that is not to be kept leaves nothing", []string{
		`GET > 200 | Cache-Control: max-age=60 | Etag: "1" | =one => asked one`, `+60s GET > 200 | Cache-Control: no-store | =two => checked two`, "GET | cache-control: max-stale => asks"}},
	{"§4.3.4 a 304 about another representation freshens nothing", []string{
		`GET > 200 | Cache-Control: max-age=60 | Etag: "1" | =one => asked one`, `+60s GET > 304 | Etag: "2" => checked in vain`, `GET > 200 | Etag: "2" | =two => asked two`}},
	{"§4.3.4 a strong tag does not freshen what has a weak one", []string{
		`GET > 200 | Cache-Control: max-age=60 | Etag: W/"1" | =one => asked one`, `+60s GET > 304 | Etag: "1" => checked in vain`}},
	{"§4.3.4 a weak tag freshens what has the strong one", []string{
		`GET > 200 | Cache-Control: max-age=60 | Etag: "1" | =one => asked one`, `+60s GET > 304 | Etag: W/"1" => checked one`}},
	{"§4.3.4 another Last-Modified freshens nothing", []string{
		"GET > 200 | Cache-Control: max-age=60 | Last-Modified: Mon, 23 Nov 2026 11:00:00 GMT | =one => asked one",
		"+60s GET > 304 | Last-Modified: Mon, 23 Nov 2026 11:30:00 GMT => checked in vain"}},
	{"a 304 that nobody asked for is no answer", []string{
		"GET | if-none-match: \"c\" > 304 => asked in vain", "GET > 200 | =one => asked one"}},
	{"§4.3.4 a 304 that says no-store ends the keeping", []string{
		`GET > 200 | Cache-Control: max-age=60 | Etag: "1" | =one => asked one`, `+60s GET > 304 | Etag: "1" | Cache-Control: no-store => checked one`, "GET => asks"}},
	{"§4.3.4 a 304 can make of an answer for all one for its app", []string{
		`GET app=a > 200 | Cache-Control: public, max-age=60 | Etag: "1" | =one => asked one`,
		`+60s GET app=a > 304 | Etag: "1" | Cache-Control: max-age=60 => checked one`, "GET app=b => asks", "GET app=a => hit one"}},
	{"§4.3.2 a client's tag is answered from what is kept", []string{
		`GET > 200 | Cache-Control: max-age=60 | Etag: "1" | X-N: 1 | =one => asked one`,
		`+5s GET | if-none-match: "0", W/"1" => hit 304 [Etag: "1"] [Age: 5] [no X-N] [Cache-Control: max-age=60]`, `GET | if-none-match: "0" => hit one`, "GET | if-none-match: * => hit 304"}},
	{"§4.3.2 tags are compared weakly", []string{
		`GET > 200 | Cache-Control: max-age=60 | Etag: W/"1" | =one => asked one`, `GET | if-none-match: W/"1" => hit 304`, `GET | if-none-match: "1" => hit 304`}},
	{"§4.3.2 a tag goes before a date", []string{
		`GET > 200 | Cache-Control: max-age=60 | Etag: "1" | Last-Modified: Mon, 23 Nov 2026 11:00:00 GMT | =one => asked one`,
		`GET | if-none-match: "0" | if-modified-since: Mon, 23 Nov 2026 11:00:00 GMT => hit one`}},
	{"§4.3.2 a client's date is answered from what is kept", []string{
		"GET > 200 | Cache-Control: max-age=60 | Last-Modified: Mon, 23 Nov 2026 11:00:00 GMT | =one => asked one",
		"GET | if-modified-since: Mon, 23 Nov 2026 11:00:00 GMT => hit 304", "GET | if-modified-since: Mon, 23 Nov 2026 10:59:59 GMT => hit one", "GET | if-modified-since: yesterday => hit one"}},
	{"§4.3.2 without Last-Modified the Date is compared", []string{
		"GET > 200 | Cache-Control: max-age=60 | =one => asked one", "GET | if-modified-since: Mon, 23 Nov 2026 12:00:00 GMT => hit 304"}},
	{"RFC 9110 §13.2.1 a condition is about a 200", []string{
		`GET > 404 | Cache-Control: max-age=60 | Etag: "1" | =no => asked 404 no`, `GET | if-none-match: "1" => hit 404 no`}},
	{"§4.3.1 a client's condition does not keep a whole answer out", []string{
		`GET | if-none-match: "1" > 200 | Cache-Control: max-age=60 | Etag: "1" | =one => asked 304`, "GET => hit one"}},
	{"§4.3.1 it is relayed where the answer is not kept", []string{
		"GET > 200 | =one => asked one", `GET | if-none-match: "1" > 304 | Etag: "1" => relayed 304`}},
	{"§4.3.1 it is judged again after what is kept was freshened", []string{
		`GET > 200 | Cache-Control: max-age=60 | Etag: "1" | =one => asked one`, `+60s GET | if-none-match: W/"1" > 304 | Etag: "1" => checked 304`, "GET => hit one"}},
	{"§4.3.1 and gets a whole answer if it is about an older one", []string{
		`GET > 200 | Cache-Control: max-age=60 | Etag: "1" | =one => asked one`, `+60s GET | if-none-match: "0" > 304 | Etag: "1" => checked one`}},
}

var heads = []requirement{
	{"a HEAD is answered from a GET", []string{"GET > 200 | Cache-Control: max-age=60 | X-N: 1 | =one => asked one", "HEAD => hit [X-N: 1]"}},
	{"the answer to a HEAD is not one to a GET", []string{"HEAD > 200 | Cache-Control: max-age=60 => asked", "GET => asks", "HEAD => asks"}},
	{"§4.3.5 a HEAD freshens what is kept", []string{
		`GET > 200 | Cache-Control: max-age=60 | Etag: "1" | =one => asked one`, `+60s HEAD > 200 | Cache-Control: max-age=60 | Etag: "1" | Content-Length: 3 => checked`, "GET => hit one"}},
	{"§4.3.5 a HEAD of something else forgets what is kept", []string{
		`GET > 200 | Cache-Control: max-age=60 | Etag: "1" | =one => asked one`, `+60s HEAD > 200 | Cache-Control: max-age=60 | Etag: "2" => checked`, "GET | cache-control: max-stale => asks"}},
	{"§4.3.5 so does one of another length", []string{
		`GET > 200 | Cache-Control: max-age=60 | Etag: "1" | =one => asked one`, `+60s HEAD > 200 | Cache-Control: max-age=60 | Content-Length: 4 => checked`, "GET | cache-control: max-stale => asks"}},
	{"a HEAD can be validated", []string{
		`GET > 200 | Cache-Control: max-age=60 | Etag: "1" | =one => asked one`, `+60s HEAD > 304 | Etag: "1" => checked`, "GET => hit one"}},
}

var invalidation = []requirement{
	{"§4.4 an unsafe method clears its target, for everybody and with all queries", []string{
		"GET app=a /a?x=1 > 200 | Cache-Control: max-age=60 | =a => asked a", "GET app=b /a > 200 | Cache-Control: max-age=60 | =b => asked b", "GET /b > 200 | Cache-Control: max-age=60 | =c => asked c",
		"PUT app=c /a > 204 => asked 204", "GET app=a /a?x=1 => asks", "GET app=b /a => asks", "GET /b => hit c"}},
	{"§4.4 so does one that redirects", []string{"GET > 200 | Cache-Control: max-age=60 | =a => asked a", "POST > 303 | Location: /base/b => asked 303", "GET => asks"}},
	{"§4.4 one that fails clears nothing", []string{"GET > 200 | Cache-Control: max-age=60 | =a => asked a", "DELETE > 409 => asked 409", "DELETE > 500 => asked 500", "DELETE > ! => failed", "GET => hit a"}},
	{"§4.4 an unknown method is unsafe", []string{"GET > 200 | Cache-Control: max-age=60 | =a => asked a", "PURGE > 200 => asked", "GET => asks"}},
	{"§4.4 it clears what Location and Content-Location name", []string{
		"GET /b > 200 | Cache-Control: max-age=60 | =b => asked b", "GET /c > 200 | Cache-Control: max-age=60 | =c => asked c",
		"POST /a > 201 | Location: http://up.example/base/b | Content-Location: c?x=1 => asked 201", "GET /b => asks", "GET /c => asks"}},
	{"§4.4 but not at another host, nor outside of the upstream's path", []string{
		"GET /b > 200 | Cache-Control: max-age=60 | =b => asked b", "POST /a > 201 | Location: http://other.example/base/b => asked 201", "GET /b => hit b",
		"POST /a > 201 | Location: /other/b | Content-Location: %zz => asked 201", "GET /b => hit b"}},
	{"a revision's unsafe call clears another's answers too", []string{
		"GET rev=1 > 200 | Cache-Control: max-age=60 | =a => asked a", "POST rev=2 > 200 => asked", "GET rev=1 => asks"}},
}

func TestStaleIfError(t *testing.T) {
	const first = `GET > 200 | Cache-Control: max-age=60, stale-if-error=30 | Etag: "1" | =one => asked one`
	for _, r := range []requirement{
		{"RFC 5861 §4 an answer stands in for a failing upstream as long as it says", []string{first,
			`+70s GET > 503 | =no => saved one [Age: 70] [Cache-Status: sluice; fwd=stale; fwd-status=503; ttl=-10; detail="stale-if-error"]`,
			"+20s GET > ! => saved one", "+1s GET > 500 | =no => checked 500 no", "GET > ! => failed"}},
		{"it stands in for 500, 502, 503 and 504, and for nothing else", []string{first,
			"+61s GET > 502 => saved one", "GET > 504 => saved one", "GET > 501 | =x => checked 501 x", "GET > 429 => checked 429", "GET > 500 => saved one", "GET > 404 | =gone => checked 404 gone", "GET > 500 => saved 404 gone"}},
		{"the owner's setting holds where the upstream says nothing", []string{
			"GET > 200 | Cache-Control: max-age=60 | =one => asked one", "+65s GET > ! => saved one", "+6s GET > ! => failed"}},
		{"and not where it does", []string{"GET > 200 | Cache-Control: max-age=60, stale-if-error=0 | Etag: \"1\" | =one => asked one", "+60s GET > ! => failed"}},
		{"a request may ask for it", []string{
			"GET > 200 | Cache-Control: max-age=60, stale-if-error=0 | Etag: \"1\" | =one => asked one", "+65s GET | cache-control: stale-if-error=5 > ! => saved one", "+1s GET | cache-control: stale-if-error=5 > ! => failed"}},
		{"what must not be given stale is not: must-revalidate", []string{"GET > 200 | Cache-Control: max-age=60, stale-if-error=99, must-revalidate | Etag: \"1\" | =one => asked one", "+60s GET > ! => failed"}},
		{"what must not be given stale is not: s-maxage", []string{"GET > 200 | Cache-Control: s-maxage=60, stale-if-error=99 | Etag: \"1\" | =one => asked one", "+60s GET > ! => failed"}},
		{"what must not be given stale is not: no-cache", []string{"GET > 200 | Cache-Control: no-cache, stale-if-error=99 | Etag: \"1\" | =one => asked one", "GET > 503 => checked 503"}},
		{"what must not be given stale is not, though a request asks for it", []string{
			"GET > 200 | Cache-Control: max-age=60, must-revalidate | Etag: \"1\" | =one => asked one", "+60s GET | cache-control: stale-if-error=99 > ! => failed"}},
		{"a request with no-cache gets the truth", []string{first, "+61s GET | cache-control: no-cache > ! => failed"}},
		{"what was cleared meanwhile does not stand in", []string{first, "+61s PUT > 200 => asked", "GET > ! => failed"}},
		{"a client's tag is judged then too", []string{first, `+61s GET | if-none-match: "1" > ! => saved 304`}},
		{"nothing stands in for a POST", []string{first, "+61s POST > 503 => asked 503"}},
	} {
		t.Run(r.name, func(t *testing.T) { play(t, &catalog.Cache{StaleIfErrorSeconds: 10}, r.steps) })
	}
}

func TestTheOwnersSettings(t *testing.T) {
	for name, c := range map[string]struct {
		set   *catalog.Cache
		steps []string
	}{
		"without settings nothing is kept or touched": {nil, []string{
			"GET > 200 | Cache-Control: max-age=60 | Cache-Status: inner | =one => asked one [Cache-Status: inner]", `GET | if-none-match: "1" > 304 => relayed 304`,
			"GET | cache-control: only-if-cached > 200 => asked", "GET > ! => failed", "POST > 200 => asked"}},
		"a default time holds where the upstream says nothing": {&catalog.Cache{DefaultTTLSeconds: 5}, []string{
			"GET > 200 | =one => asked one", "+4s GET => hit one", "GET app=b => asks", "+1s GET => asks"}},
		"and not where it says something": {&catalog.Cache{DefaultTTLSeconds: 5}, []string{
			"GET > 200 | Cache-Control: max-age=0 | =one => asked one", "GET => asks", "GET > 200 | Expires: 0 | =one => asked one", "GET => asks"}},
		"nor for a status that needs words of the upstream's": {&catalog.Cache{DefaultTTLSeconds: 5}, []string{"GET > 302 => asked 302", "GET => asks"}},
		"an answer that is too large is not kept": {&catalog.Cache{MaxBytes: 3}, []string{
			"GET /a > 200 | Cache-Control: max-age=60 | =one => asked one", "GET /b > 200 | Cache-Control: max-age=60 | =four => asked four", "GET /a => hit one", "GET /b => asks"}},
	} {
		t.Run(name, func(t *testing.T) { play(t, c.set, c.steps) })
	}
}
