package gatewayevent_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"sluice/shared/decision"
	"sluice/shared/gatewayevent"
)

// often is how many times a map is made anew: its order differs from one to the next.
const often = 50

func TestAHeaderInSeveralSpellingsIsAlwaysTheSameOne(t *testing.T) {
	for name, c := range map[string]struct {
		headers []string
		want    string
		there   bool
	}{
		"lower case goes first":                            {[]string{"X-API-KEY", "x-api-key", "X-Api-Key"}, "x-api-key", true},
		"without it the smallest name does":                {[]string{"x-Api-Key", "X-Api-Key", "X-API-KEY", "x-api-keY"}, "X-API-KEY", true},
		"one in another case is found":                     {[]string{"X-Api-Key"}, "X-Api-Key", true},
		"one that only begins alike is another":            {[]string{"X-Api-Key-2", "X-Api-Ke"}, "", false},
		"a Kelvin sign is no k":                            {[]string{"x-api-\u212aey"}, "", false},
		"one that is not there is not found":               {[]string{"authorization"}, "", false},
		"a smaller name of another header does not matter": {[]string{"A", "X-Api-Key", "x-api-kex"}, "X-Api-Key", true},
	} {
		t.Run(name, func(t *testing.T) {
			for range often {
				headers := map[string]string{}
				for _, h := range c.headers {
					headers[h] = h
				}
				if got, there := gatewayevent.Header(headers, "x-api-key"); got != c.want || there != c.there {
					t.Fatalf("%q, %v, want %q", got, there, c.want)
				}
			}
		})
	}
}

func TestACallIsNamedTheSameEachTimeWhateverTheOrderOfItsHeaders(t *testing.T) {
	calls := map[decision.Call]bool{}
	for range often {
		headers := map[string]string{}
		for _, name := range []string{"X-Api-Key", "X-API-Key", "X-API-KEY", "Authorization", "AUTHORIZATION", "authorizatioN"} {
			headers[name] = name
		}
		asked := events.APIGatewayV2CustomAuthorizerV2Request{RawPath: "/orders/v1", Headers: headers}
		calls[gatewayevent.AuthorizerCall(decision.Gateway, asked)] = true
		calls[gatewayevent.CallOf(decision.Gateway, events.APIGatewayV2HTTPRequest{RawPath: "/orders/v1", Headers: headers})] = true
	}
	if len(calls) != 1 {
		t.Errorf("it has %d names", len(calls))
	}
}

func TestTheNameOfACallTellsPathsApartHoweverLongTheyAre(t *testing.T) {
	seen := map[string]int{}
	for n := range 40 {
		path := "/" + strings.Repeat("a", 495+n)
		for at, path := range []string{path + "x", path + "y"} {
			call := gatewayevent.CallOf(decision.Gateway, events.APIGatewayV2HTTPRequest{RawPath: path})
			if asked := gatewayevent.AuthorizerCall(decision.Gateway, events.APIGatewayV2CustomAuthorizerV2Request{RawPath: path}); asked != call {
				t.Errorf("%d bytes: asked about as %q, called as %q", len(path), asked.Path, call.Path)
			}
			if before, taken := seen[call.Path]; taken || len(call.Path) > 512 {
				t.Errorf("%d bytes: %q, as with %d bytes", len(path), call.Path, before)
			}
			seen[call.Path] = 2*len(path) + at
		}
	}
}

func TestTheNameOfACallTellsCredentialsApart(t *testing.T) {
	seen := map[string]string{}
	for name, headers := range map[string]map[string]string{
		"nothing": {}, "an empty key": {"x-api-key": ""}, "a key": {"x-api-key": "a"}, "another key": {"x-api-key": "b"},
		"a bearer": {"authorization": "a"}, "both": {"x-api-key": "a", "authorization": "a"}, "both, apart elsewhere": {"x-api-key": "aa", "authorization": ""},
	} {
		digest := gatewayevent.CallOf(decision.Gateway, events.APIGatewayV2HTTPRequest{Headers: headers}).Credential
		if other, taken := seen[digest]; taken {
			t.Errorf("%s looks like %s", name, other)
		}
		seen[digest] = name
		if (digest == "") != (name == "nothing") {
			t.Errorf("%s: %q", name, digest)
		}
		upper := map[string]string{}
		for k, v := range headers {
			upper[fmt.Sprintf("%c%s", k[0]-'a'+'A', k[1:])] = v
		}
		if got := gatewayevent.CallOf(decision.Gateway, events.APIGatewayV2HTTPRequest{Headers: upper}).Credential; got != digest {
			t.Errorf("%s: %q in another case is %q", name, digest, got)
		}
	}
}

// BenchmarkCallOf is what naming a call costs, twice on the path of each: an event of an HTTP API has its headers in lower
// case; a key alone means a look through all of them for a bearer in another case.
func BenchmarkCallOf(b *testing.B) {
	for name, credential := range map[string]map[string]string{
		"key":                 {"x-api-key": "slk_0123456789abcdefghijklmnopqrstuvwxyz012345"},
		"key in another case": {"X-Api-Key": "slk_0123456789abcdefghijklmnopqrstuvwxyz012345"},
		"bearer":              {"authorization": "Bearer sla_0123456789abcdefghijklmnopqrstuvwxyz012345"},
		"none":                {},
	} {
		b.Run(name, func(b *testing.B) {
			e := events.APIGatewayV2HTTPRequest{RawPath: "/orders/v1/orders/42", Headers: map[string]string{"host": "api.example", "accept": "application/json",
				"accept-encoding": "gzip", "content-length": "0", "content-type": "application/json", "user-agent": "test", "traceparent": "00-1-2-01",
				"x-amzn-trace-id": "Root=1-5e6722a7-cc56xmpl46db7ae02d4da47e", "x-forwarded-for": "192.0.2.1", "x-forwarded-port": "443", "x-forwarded-proto": "https"}}
			for k, v := range credential {
				e.Headers[k] = v
			}
			b.ReportAllocs()
			for b.Loop() {
				if c := gatewayevent.CallOf(decision.Gateway, e); c.Path == "" {
					b.Fatal(c)
				}
			}
		})
	}
}
