package resource

import (
	"strconv"
	"strings"

	"sluice/shared/problem"
)

// ETag is the entity tag of a revision of a resource.
func ETag(rev int64) string { return `"` + strconv.FormatInt(rev, 10) + `"` }

// TagsPattern is how the document describes If-Match and If-None-Match. ParseTags takes all of it, and more spaces.
const TagsPattern = `^(\*|(W/)?"[!#-~]*"(, ?(W/)?"[!#-~]*")*)$`

// Tags is the value of an If-Match or If-None-Match header. The zero Tags is a header that was not sent.
type Tags struct {
	sent bool
	any  bool
	list []string // as sent, quotes and W/ included
}

// ParseTags reads an If-Match or If-None-Match header that was sent (RFC 9110 §13.1). An empty one is an error too: it is
// what a script sends that has lost its ETag, and must not be taken for consent. name is for the error, of kind
// problem.Invalid.
func ParseTags(name, value string) (Tags, error) {
	value = strings.Trim(value, " \t")
	t := Tags{sent: true}
	if value == "*" {
		t.any = true
		return t, nil
	}
	bad := &problem.Error{Kind: problem.Invalid, Detail: "a precondition cannot be read",
		Faults: []problem.Fault{{Pointer: "header:" + name, Detail: `must be "*" or a list of entity tags such as "3"`}}}
	for rest := value; ; {
		tag, after, ok := cutTag(rest)
		if !ok {
			return Tags{}, bad
		}
		t.list = append(t.list, tag)
		rest = strings.TrimLeft(after, " \t")
		if rest == "" {
			return t, nil
		}
		if rest[0] != ',' {
			return Tags{}, bad
		}
		rest = strings.TrimLeft(rest[1:], " \t")
	}
}

// cutTag takes one entity tag from the front of s.
func cutTag(s string) (tag, rest string, ok bool) {
	opaque := strings.TrimPrefix(s, "W/")
	if !strings.HasPrefix(opaque, `"`) {
		return "", "", false
	}
	end := strings.IndexByte(opaque[1:], '"')
	if end < 0 {
		return "", "", false
	}
	n := len(s) - len(opaque) + end + 2
	for _, c := range []byte(s[:n]) {
		if c <= ' ' || c == 0x7f {
			return "", "", false
		}
	}
	return s[:n], s[n:], true
}

// Sent reports whether there was such a header.
func (t Tags) Sent() bool { return t.sent }

// Allow reports whether an If-Match with these tags lets a change of a resource with this ETag pass: by strong
// comparison, so a weak tag never does. A header that was not sent lets everything pass.
func (t Tags) Allow(etag string) bool {
	if !t.sent || t.any {
		return true
	}
	for _, have := range t.list {
		if have == etag {
			return true
		}
	}
	return false
}

// Cached reports whether an If-None-Match with these tags says that the client has this ETag already: by weak comparison.
func (t Tags) Cached(etag string) bool {
	if t.any {
		return true
	}
	for _, have := range t.list {
		if strings.TrimPrefix(have, "W/") == strings.TrimPrefix(etag, "W/") {
			return true
		}
	}
	return false
}
