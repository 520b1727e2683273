package forward

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"unicode/utf8"

	"sluice/functions/proxy/upstream"
)

// maxPayload is what a function may answer with, JSON included. Lambda's limit is 6 MB; some is left for the envelope.
const maxPayload = 6<<20 - 4<<10

// shapeAnswer makes the caller's answer of the upstream's: nothing in its head leads to the upstream.
func (p *Proxy) shapeAnswer(c *call) error {
	out := &c.answer
	out.StatusCode = c.received.Status
	out.Headers = make(map[string]string, len(c.received.Header)+8)
	size := 0
	listed := strings.Join(c.received.Header["Connection"], ",")
	for key, values := range c.received.Header {
		name := strings.ToLower(key)
		if !returns(name) || listed != "" && lists(listed, name) {
			continue
		}
		if name == "set-cookie" {
			out.Cookies = c.cookies(values)
			continue
		}
		value := strings.Join(values, ", ")
		if name == "location" || name == "content-location" {
			if value = c.relocate(value); value == "" {
				continue
			}
		}
		out.Headers[name] = strings.ToValidUTF8(value, "?")
		size += len(name) + len(value)
	}
	c.addLimits(out.Headers)
	c.addNotice(out.Headers)
	if c.received.Source != upstream.FromUpstream {
		out.Headers[upstream.FallbackField] = string(c.received.Source)
	}
	return c.encodeBody(size)
}

// encodeBody writes the body as text where a JSON string can hold it, else, or where that is shorter, in base64.
func (c *call) encodeBody(fieldBytes int) error {
	_, coded := c.received.Header["Content-Encoding"]
	asText := len(c.received.Body)
	if coded || !utf8.Valid(c.received.Body) {
		asText = maxPayload
	} else if len(c.received.Body) > 1<<20 { // escapes cannot matter to a small one
		asText = escapedLen(c.received.Body)
	}
	inBase64 := base64.StdEncoding.EncodedLen(len(c.received.Body))
	if min(asText, inBase64)+fieldBytes > maxPayload {
		return upstreamFault(fmt.Errorf("the upstream's answer of %d bytes does not fit the function's", len(c.received.Body)))
	}
	if asText == len(c.received.Body) || asText <= inBase64 {
		c.answer.Body = string(c.received.Body)
		return nil
	}
	c.answer.Body, c.answer.IsBase64Encoded = base64.StdEncoding.EncodeToString(c.received.Body), true
	return nil
}

// escapedLen is the length of a text as a JSON string.
func escapedLen(text []byte) int {
	n := len(text)
	for _, ch := range text {
		switch {
		case ch == '"', ch == '\\', ch == '\n', ch == '\r', ch == '\t':
			n++
		case ch < ' ', ch == '<', ch == '>', ch == '&', ch == 0x7f:
			n += 5
		}
	}
	return n
}

// returns reports whether a field of the upstream's, in lower case, goes back to the caller: not those about the connection,
// those that name the upstream's software or another way to it, those that the gateway says itself, and those with which
// one API would speak for the whole gateway.
func returns(name string) bool {
	if hopByHop(name) {
		return false
	}
	switch name {
	case "server", "via", "x-powered-by", "x-aspnet-version", "x-aspnetmvc-version", "x-generator", "alt-svc", "x-backend-server",
		"x-upstream", "x-server", "x-served-by":
		return false
	case "content-length", "date", "x-request-id", "ratelimit", "ratelimit-policy":
		return false
	case "strict-transport-security", "public-key-pins", "clear-site-data":
		return false
	}
	return !strings.HasPrefix(name, "x-sluice-")
}

// prefix is where the version is found on the gateway.
func (c *call) prefix() string {
	return "/" + string(c.decision.Target.API) + "/" + string(c.decision.Target.Version)
}

// relocate makes a reference to the upstream one to the gateway. References to other places stay as they are, unless they
// name a machine that only insiders know; then "" drops them.
func (c *call) relocate(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	own := u.Host == "" || strings.EqualFold(u.Hostname(), c.dest.name)
	switch {
	case u.Scheme != "" && u.Host == "", u.User != nil:
		return "" // no way to tell where it leads, or a secret
	case !own && inside(u.Hostname()):
		return ""
	case !own:
		return raw
	case u.Host == "" && !strings.HasPrefix(u.Path, "/"):
		return raw // relative to the request's own path, which is below the same place here and there
	}
	rest, below := strings.CutPrefix(u.EscapedPath(), c.dest.base)
	if !below || rest != "" && rest[0] != '/' {
		return ""
	}
	u.Scheme, u.Host = "", ""
	u.Path, u.RawPath = "", ""
	return c.prefix() + rest + u.String()
}

// inside reports whether a host is one that only means something behind the gateway.
func inside(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return !ip.IsGlobalUnicast() || ip.IsPrivate()
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	switch host[strings.LastIndexByte(host, '.')+1:] {
	case host, "internal", "local", "localdomain", "localhost": // host: it has no dot
		return true
	}
	return false
}

// cookies makes the upstream's cookies the gateway's: bound to this version's paths, so that no other API gets them, and to
// no other host.
func (c *call) cookies(values []string) []string {
	kept := make([]string, 0, len(values))
	for _, v := range values {
		parts := strings.Split(v, ";")
		free := strings.HasPrefix(strings.TrimSpace(parts[0]), "__Host-") // such a one must have the path "/"
		out := parts[:1]
		for _, part := range parts[1:] {
			name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
			switch {
			case strings.EqualFold(name, "domain"):
				continue
			case strings.EqualFold(name, "path") && !free:
				part = " Path=" + c.cookiePath(value)
			}
			out = append(out, part)
		}
		kept = append(kept, strings.ToValidUTF8(strings.Join(out, ";"), "?"))
	}
	return kept
}

func (c *call) cookiePath(path string) string {
	rest, below := strings.CutPrefix(path, c.dest.base)
	if !below || !strings.HasPrefix(rest, "/") {
		rest = "/"
	}
	return c.prefix() + rest
}
