package httpapi

import (
	"crypto/rand"
	"encoding/base64"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
)

// accountID is the account that all local events come from.
const accountID = "123456789012"

// newRequestID makes an id of the length that the service's have.
func newRequestID() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// event writes the request, without its body, as the service does: path and query as they came, header names in lower
// case, repeated headers joined with a comma, cookies apart.
func (a *API) event(r *http.Request, route *Route, requestID, path, query string, parameters map[string]string) events.APIGatewayV2HTTPRequest {
	sourceIP, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		sourceIP = r.RemoteAddr
	}
	now := a.now().UTC()
	headers, cookies := a.headers(r, sourceIP, requestID, now)
	domain, _, _ := strings.Cut(r.Host, ":")
	prefix, _, _ := strings.Cut(domain, ".")
	key := route.key()
	return events.APIGatewayV2HTTPRequest{
		Version: "2.0", RouteKey: key, RawPath: path, RawQueryString: query, Headers: headers, Cookies: cookies,
		QueryStringParameters: queryParameters(query), PathParameters: parameters,
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			RouteKey: key, AccountID: accountID, Stage: "$default", RequestID: requestID, APIID: a.id,
			DomainName: domain, DomainPrefix: prefix,
			Time: now.Format("02/Jan/2006:15:04:05 -0700"), TimeEpoch: now.UnixMilli(),
			HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{
				Method: r.Method, Path: path, Protocol: r.Proto, SourceIP: sourceIP, UserAgent: r.UserAgent()},
		},
	}
}

func (a *API) headers(r *http.Request, sourceIP, requestID string, now time.Time) (headers map[string]string, cookies []string) {
	headers = make(map[string]string, len(r.Header)+6)
	for name, values := range r.Header {
		if name == "Cookie" {
			for _, v := range values {
				cookies = append(cookies, strings.Split(v, "; ")...)
			}
			continue
		}
		value := values[0]
		if len(values) > 1 {
			value = strings.Join(values, ",")
		}
		headers[lower(name)] = value
	}
	headers["host"] = r.Host
	if from := headers["x-forwarded-for"]; from != "" {
		headers["x-forwarded-for"] = from + ", " + sourceIP
	} else {
		headers["x-forwarded-for"] = sourceIP
	}
	headers["x-forwarded-port"], headers["x-forwarded-proto"] = a.port, "http"
	if headers["x-amzn-trace-id"] == "" {
		headers["x-amzn-trace-id"] = "Root=1-" + strconv.FormatInt(now.Unix(), 16) + "-" + hex24(requestID)
	}
	return headers, cookies
}

// hex24 makes the 24 hexadecimal digits of a trace id from the 12 bytes of a request id.
func hex24(requestID string) string {
	const digits = "0123456789abcdef"
	var raw [12]byte
	_, _ = base64.RawURLEncoding.Decode(raw[:], []byte(requestID)) // our own
	var out [24]byte
	for i, b := range raw {
		out[2*i], out[2*i+1] = digits[b>>4], digits[b&15]
	}
	return string(out[:])
}

// lower writes a canonical header name in lower case, without an allocation for the usual ones.
func lower(name string) string {
	switch name {
	case "Accept":
		return "accept"
	case "Accept-Encoding":
		return "accept-encoding"
	case "Accept-Language":
		return "accept-language"
	case "Authorization":
		return "authorization"
	case "Cache-Control":
		return "cache-control"
	case "Connection":
		return "connection"
	case "Content-Length":
		return "content-length"
	case "Content-Type":
		return "content-type"
	case "Idempotency-Key":
		return "idempotency-key"
	case "If-Match":
		return "if-match"
	case "If-None-Match":
		return "if-none-match"
	case "Traceparent":
		return "traceparent"
	case "User-Agent":
		return "user-agent"
	case "X-Api-Key":
		return "x-api-key"
	case "X-Request-Id":
		return "x-request-id"
	}
	return strings.ToLower(name)
}

// queryParameters decodes the query; repeated names are joined with a comma. What cannot be decoded stays as it is.
func queryParameters(query string) map[string]string {
	if query == "" {
		return nil
	}
	m := map[string]string{}
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, value = decoded(name), decoded(value)
		if before, there := m[name]; there {
			value = before + "," + value
		}
		m[name] = value
	}
	return m
}

func decoded(s string) string {
	if d, err := url.QueryUnescape(s); err == nil {
		return d
	}
	return s
}

// setBody puts the body into the event: as text where the content type says text and it is text, else in base64.
func setBody(e *events.APIGatewayV2HTTPRequest, r *http.Request, body []byte) {
	if len(body) == 0 {
		return
	}
	e.Headers["content-length"] = strconv.Itoa(len(body))
	if isText(r.Header) && utf8.Valid(body) {
		e.Body = string(body)
		return
	}
	e.Body, e.IsBase64Encoded = base64.StdEncoding.EncodeToString(body), true
}

// isText knows the content types that the service takes for text.
func isText(h http.Header) bool {
	if h.Get("Content-Encoding") != "" {
		return false
	}
	media, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	media = strings.ToLower(strings.TrimSpace(media))
	switch media {
	case "application/json", "application/xml", "application/javascript":
		return true
	}
	return strings.HasPrefix(media, "text/")
}

// eventBytes is about how long the event is as JSON, without its escapes.
func eventBytes(e *events.APIGatewayV2HTTPRequest) int {
	return len(e.Body) + 2*(len(e.RawPath)+len(e.RawQueryString)) + maxHeaderBytes
}
