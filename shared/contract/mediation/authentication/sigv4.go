package authentication

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
	"time"
)

// credentials are an access key.
type credentials struct{ id, secret, session string }

const (
	algorithm   = "AWS4-HMAC-SHA256"
	longDate    = "20060102T150405Z"
	shortDate   = "20060102"
	hexadecimal = "0123456789ABCDEF"
)

// sign signs a request by AWS Signature Version 4: it sets X-Amz-Date, X-Amz-Security-Token, Authorization and, for s3,
// X-Amz-Content-Sha256. Host, Content-Type and all X-Amz-* fields are signed; others may be changed on the way.
func sign(r *Request, c credentials, region, service string, now time.Time) {
	now = now.UTC()
	payload := digest(r.Body)
	delete(r.Header, "X-Amz-Security-Token")
	r.Header["X-Amz-Date"] = []string{now.Format(longDate)}
	if c.session != "" {
		r.Header["X-Amz-Security-Token"] = []string{c.session}
	}
	if service == "s3" {
		r.Header["X-Amz-Content-Sha256"] = []string{payload}
	}
	scope := strings.Join([]string{now.Format(shortDate), region, service, "aws4_request"}, "/")
	headers, names := canonicalHeaders(r)
	canonical := strings.Join([]string{r.Method, canonicalPath(r.Path, service), canonicalQuery(r.Query), headers, names, payload}, "\n")
	text := strings.Join([]string{algorithm, now.Format(longDate), scope, digest([]byte(canonical))}, "\n")
	key := []byte("AWS4" + c.secret)
	for _, part := range []string{now.Format(shortDate), region, service, "aws4_request"} {
		key = mac(key, part)
	}
	r.Header["Authorization"] = []string{algorithm + " Credential=" + c.id + "/" + scope + ", SignedHeaders=" + names +
		", Signature=" + hex.EncodeToString(mac(key, text))}
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// canonicalHeaders gives the fields that are signed, each on a line, and their names.
func canonicalHeaders(r *Request) (lines, names string) {
	signed := map[string]string{"host": r.Host}
	for name, values := range r.Header {
		lower := strings.ToLower(name)
		if lower != "content-type" && !strings.HasPrefix(lower, "x-amz-") {
			continue
		}
		trimmed := make([]string, len(values))
		for i, v := range values {
			trimmed[i] = strings.Join(strings.Fields(v), " ")
		}
		signed[lower] = strings.Join(trimmed, ",")
	}
	list := make([]string, 0, len(signed))
	for name := range signed {
		list = append(list, name)
	}
	slices.Sort(list)
	var b strings.Builder
	for _, name := range list {
		b.WriteString(name + ":" + signed[name] + "\n")
	}
	return b.String(), strings.Join(list, ";")
}

// canonicalPath is the escaped path escaped once more; for s3, it is escaped once only.
func canonicalPath(path, service string) string {
	if path == "" {
		return "/"
	}
	if service == "s3" {
		if decoded, err := url.PathUnescape(path); err == nil {
			path = decoded
		}
	}
	return escape(path, true)
}

// canonicalQuery sorts parameters by name and value, encoded.
func canonicalQuery(query string) string {
	type parameter struct{ name, value string }
	var list []parameter
	for part := range strings.SplitSeq(query, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		list = append(list, parameter{reescape(name), reescape(value)})
	}
	slices.SortFunc(list, func(a, b parameter) int {
		return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.value, b.value))
	})
	parts := make([]string, len(list))
	for i, p := range list {
		parts[i] = p.name + "=" + p.value
	}
	return strings.Join(parts, "&")
}

func reescape(s string) string {
	if decoded, err := url.QueryUnescape(s); err == nil {
		s = decoded
	}
	return escape(s, false)
}

// escape encodes all but the unreserved characters (RFC 3986 §2.3).
func escape(s string, slash bool) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 || slash && c == '/' {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hexadecimal[c>>4])
		b.WriteByte(hexadecimal[c&15])
	}
	return b.String()
}
