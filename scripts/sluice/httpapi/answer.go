package httpapi

import (
	"encoding/base64"
	"errors"
	"fmt"
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
	body := []byte(nil)
	if out.IsBase64Encoded {
		decoded, err := base64.StdEncoding.DecodeString(out.Body)
		if err != nil {
			return fmt.Errorf("%w: the body is not base64: %w", errAnswer, err)
		}
		body = decoded
	} else {
		body = []byte(out.Body)
	}
	h := w.Header()
	length := strconv.Itoa(len(body))
	for name, value := range out.Headers {
		switch name = textproto.CanonicalMIMEHeaderKey(name); name {
		case "Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade":
		case "Content-Length":
			if method == http.MethodHead && value != "" && strings.Trim(value, "0123456789") == "" {
				length = value // what GET would have sent
			}
		default:
			h[name] = []string{value}
		}
	}
	if len(out.Cookies) > 0 {
		h["Set-Cookie"] = out.Cookies
	}
	if out.StatusCode == http.StatusNoContent || out.StatusCode == http.StatusNotModified {
		w.WriteHeader(out.StatusCode)
		return nil
	}
	h["Content-Length"] = []string{length}
	if _, set := h["Content-Type"]; !set && len(body) > 0 {
		h["Content-Type"] = []string{"text/plain; charset=utf-8"}
	}
	w.WriteHeader(out.StatusCode)
	if method != http.MethodHead {
		_, _ = w.Write(body) // a client that is gone needs no answer
	}
	return nil
}
