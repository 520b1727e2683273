package httpapi

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"

	"github.com/aws/aws-lambda-go/events"
)

// errAnswer says that a function's answer cannot be written.
var errAnswer = errors.New("the function's answer is not valid")

// writeAnswer writes a function's answer. Headers of the connection are ours, not the function's; multiValueHeaders are
// not part of payload format 2.0 and are ignored, as the service does. The error is errAnswer, with nothing written.
func writeAnswer(w http.ResponseWriter, method string, out events.APIGatewayV2HTTPResponse) error {
	if out.StatusCode < 200 || out.StatusCode > 599 {
		return fmt.Errorf("%w: status %d", errAnswer, out.StatusCode)
	}
	body := out.Body
	if out.IsBase64Encoded {
		decoded, err := base64.StdEncoding.DecodeString(out.Body)
		if err != nil {
			return fmt.Errorf("%w: the body is not base64: %w", errAnswer, err)
		}
		body = string(decoded)
	}
	h := w.Header()
	values := make([]string, 0, len(out.Headers)+2) // one piece of memory for all of them
	set := func(name, value string) {
		values = append(values, value)
		h[name] = values[len(values)-1 : len(values) : len(values)]
	}
	length := strconv.Itoa(len(body))
	for name, value := range out.Headers {
		switch name = canonical(name); name {
		case "Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade":
		case "Content-Length":
			if method == http.MethodHead && value != "" && strings.Trim(value, "0123456789") == "" {
				length = value // what GET would have sent
			}
		default:
			set(name, value)
		}
	}
	if len(out.Cookies) > 0 {
		h["Set-Cookie"] = out.Cookies
	}
	if out.StatusCode == http.StatusNoContent || out.StatusCode == http.StatusNotModified {
		w.WriteHeader(out.StatusCode)
		return nil
	}
	set("Content-Length", length)
	if _, there := h["Content-Type"]; !there && body != "" {
		set("Content-Type", "text/plain; charset=utf-8")
	}
	w.WriteHeader(out.StatusCode)
	if method != http.MethodHead {
		_, _ = io.WriteString(w, body) // a client that is gone needs no answer
	}
	return nil
}

// canonical writes a header name as net/http does, without an allocation for those that almost every answer has.
func canonical(name string) string {
	switch name {
	case "ratelimit":
		return "Ratelimit"
	case "ratelimit-policy":
		return "Ratelimit-Policy"
	case "x-request-id":
		return "X-Request-Id"
	}
	return textproto.CanonicalMIMEHeaderKey(name)
}
