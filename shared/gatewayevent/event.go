// Package gatewayevent is API Gateway's events, in and out: how a call is named, how its path is read, how a problem is
// answered, and how an http.Handler is run behind a Lambda function.
//
// The data plane works on the event types themselves: the adapter of aws-lambda-go-api-proxy splits header values on
// commas and trusts a header that a client can send. The management functions are http.Handlers; they run behind the
// adapter, and Handler is the guard in front of it.
package gatewayevent

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"sluice/shared/decision"
	"sluice/shared/problem"
)

// maxBound is the longest path that a decision carries as it was received, in bytes. A gateway takes 8 KB from an authorizer,
// and as JSON a byte of a path may take six.
const maxBound = 512

// bound is what stands for a path in a decision: the path, or for a long one its digest, which no path can be taken for.
func bound(path string) string {
	if len(path) <= maxBound {
		return path
	}
	sum := sha256.Sum256([]byte(path))
	return "sha256:" + base64.RawURLEncoding.EncodeToString(sum[:])
}

// CallOf names the call that a function is invoked for.
func CallOf(plane decision.Plane, e events.APIGatewayV2HTTPRequest) decision.Call {
	return decision.Call{Plane: plane, RequestID: e.RequestContext.RequestID, Method: e.RequestContext.HTTP.Method, Path: bound(e.RawPath),
		Credential: presented(e.Headers)}
}

// AuthorizerCall names the call that the authorizer is asked about. A decision about it is good for CallOf of the same call.
func AuthorizerCall(plane decision.Plane, e events.APIGatewayV2CustomAuthorizerV2Request) decision.Call {
	return decision.Call{Plane: plane, RequestID: e.RequestContext.RequestID, Method: e.RequestContext.HTTP.Method, Path: bound(e.RawPath),
		Credential: presented(e.Headers)}
}

// presented is a digest of every header that can hold a credential, "" where there is none: a decision made for one
// caller is then of no use to another, whatever a gateway may cache. 120 bits of SHA-256 are no way back to a secret.
func presented(headers map[string]string) string {
	key, hasKey := Header(headers, "x-api-key")
	bearer, hasBearer := Header(headers, "authorization")
	if !hasKey && !hasBearer {
		return ""
	}
	var buffer [256]byte
	b := append(buffer[:0], key...)
	b = append(b, 0)
	b = append(b, bearer...)
	sum := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(sum[:15])
}

// PlaneOf tells the plane by the route key, which the deployed template chooses and no client can: routes below /admin/
// are the management plane's, every other route is the gateway's.
func PlaneOf(routeKey string) decision.Plane {
	_, path, found := strings.Cut(routeKey, " ")
	if found && strings.HasPrefix(path, "/admin/") {
		return decision.Management
	}
	return decision.Gateway
}

// Header finds a header whatever case the event writes it in; name is in lower case. HTTP APIs write lower case and join
// what comes twice; others exist. Of several spellings it is the one in lower case, failing that the first by code point,
// so that whoever asks again is told the same. Field names are ASCII: a letter that only folds to one of name is another.
func Header(headers map[string]string, name string) (string, bool) {
	if v, ok := headers[name]; ok {
		return v, true
	}
	var spelling, value string
	found := false
	for k, v := range headers {
		if len(k) == len(name) && strings.EqualFold(k, name) && (!found || k < spelling) {
			spelling, value, found = k, v, true
		}
	}
	return value, found
}

// ProblemResponse answers with a problem. Extra headers are written as given, in lower case.
func ProblemResponse(d problem.Document, headers map[string]string) events.APIGatewayV2HTTPResponse {
	body, err := json.Marshal(d)
	if err != nil { // an Extra that cannot be written: the fixed members always can
		d.Extra = nil
		body, _ = json.Marshal(d) // #nosec G104 -- strings and numbers only
	}
	h := map[string]string{"content-type": problem.MediaType, "cache-control": "no-store"}
	if d.RequestID != "" {
		h["x-request-id"] = d.RequestID
	}
	for k, v := range headers {
		h[strings.ToLower(k)] = v
	}
	return events.APIGatewayV2HTTPResponse{StatusCode: d.Status, Headers: h, Body: string(body)}
}
