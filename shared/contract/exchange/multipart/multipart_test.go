package multipart_test

import (
	"bytes"
	"errors"
	"io"
	standard "mime/multipart"
	"net/textproto"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/shared/contract/exchange/multipart"
)

func TestPartsAreSplit(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		want []string // name, "=", body
	}{
		"one part":                            {"--b\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n--b--\r\n", []string{"a=x"}},
		"no part at all":                      {"--b--", nil},
		"a preamble and an epilogue":          {"hi\r\n--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n--b--\r\nbye\r\n--b\r\n\r\nz\r\n--b--", []string{"a=x"}},
		"an empty part":                       {"--b\r\ncontent-disposition:form-data;name=a\r\n\r\n\r\n--b--", []string{"a="}},
		"an empty part without a line":        {"--b\r\ncontent-disposition:form-data;name=a\r\n\r\n--b--", []string{"a="}},
		"a part without headers has no name":  {"--b\r\n\r\nx\r\n--b--", []string{"=x"}},
		"lines in a part stay":                {"--b\r\n\r\nx\r\n\r\n--c\r\ny\n--b\r\n\r\n--b--", []string{"=x\r\n\r\n--c\r\ny\n--b\r\n"}},
		"white space behind a boundary":       {"--b \t\r\n\r\nx\r\n--b-- \r\n", []string{"=x"}},
		"an escaped quote in a name":          {"--b\r\nContent-Disposition: form-data; name=\"a\\\"b\"\r\n\r\nx\r\n--b--", []string{`a"b=x`}},
		"another disposition gives no name":   {"--b\r\nContent-Disposition: attachment; name=a\r\n\r\nx\r\n--b--", []string{"=x"}},
		"headers of a part in several parts":  {"--b\r\nA: 1\r\n\r\nx\r\n--b\r\nA: 2\r\n\r\ny\r\n--b--", []string{"=x", "=y"}},
		"a body that ends in half a boundary": {"--b\r\n\r\nx\r\n-\r\n--b--", []string{"=x\r\n-"}},
	} {
		t.Run(name, func(t *testing.T) {
			parts, err := multipart.Split([]byte(c.body), "b")
			var got []string
			for _, p := range parts {
				got = append(got, p.Name+"="+string(p.Body))
			}
			if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestWhatReadersWouldSplitDifferentlyIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		boundary, body string
		want           error
	}{
		"no boundary":                        {"", "--\r\n\r\n----", multipart.ErrBoundary},
		"a boundary that is too long":        {strings.Repeat("b", 71), "", multipart.ErrBoundary},
		"a boundary with a line end":         {"a\r\nb", "", multipart.ErrBoundary},
		"a boundary that ends in a space":    {"a ", "", multipart.ErrBoundary},
		"another boundary":                   {"b", "--c\r\n\r\nx\r\n--c--", multipart.ErrStart},
		"a boundary that goes on":            {"b", "--b\r\n\r\nx\r\n--bc\r\n\r\ny\r\n--b--", multipart.ErrLine},
		"a last boundary that goes on":       {"b", "--b\r\n\r\nx\r\n--b--c", multipart.ErrLine},
		"lines that end in LF":               {"b", "--b\n\nx\n--b--", multipart.ErrLine},
		"no last boundary":                   {"b", "--b\r\n\r\nx\r\n", multipart.ErrEnd},
		"headers that do not end":            {"b", "--b\r\nA: 1", multipart.ErrHeader},
		"a header that is folded":            {"b", "--b\r\nA: 1\r\n 2\r\n\r\nx\r\n--b--", multipart.ErrHeader},
		"a header twice":                     {"b", "--b\r\nA: 1\r\na: 2\r\n\r\nx\r\n--b--", multipart.ErrHeader},
		"a header without a name":            {"b", "--b\r\n: 1\r\n\r\nx\r\n--b--", multipart.ErrHeader},
		"a space before the colon":           {"b", "--b\r\nA : 1\r\n\r\nx\r\n--b--", multipart.ErrHeader},
		"a name twice":                       {"b", "--b\r\nContent-Disposition: form-data; name=a; name=b\r\n\r\nx\r\n--b--", multipart.ErrHeader},
		"a disposition that cannot be read":  {"b", "--b\r\nContent-Disposition: form-data; name=\"a\r\n\r\nx\r\n--b--", multipart.ErrHeader},
		"too many headers":                   {"b", "--b\r\n" + headers(21) + "\r\nx\r\n--b--", multipart.ErrHeader},
		"headers that are too long":          {"b", "--b\r\nA: " + strings.Repeat("a", 9000) + "\r\n\r\nx\r\n--b--", multipart.ErrHeader},
		"too many parts":                     {"b", strings.Repeat("--b\r\n\r\n\r\n", multipart.MaxParts+1) + "--b--", multipart.ErrMany},
		"a name that is there and there not": {"b", "--b\r\nContent-Disposition: form-data; name=\r\n\r\nx\r\n--b--", multipart.ErrHeader},
	} {
		t.Run(name, func(t *testing.T) {
			if parts, err := multipart.Split([]byte(c.body), c.boundary); !errors.Is(err, c.want) {
				t.Errorf("%v, %v", parts, err)
			}
		})
	}
}

func headers(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("A" + strings.Repeat("a", i) + ": 1\r\n")
	}
	return b.String()
}

// FuzzSplit: no body makes it panic, parts lie in the body, and what is split is split by the standard library into the
// same parts.
func FuzzSplit(f *testing.F) {
	f.Add([]byte("--b\r\nContent-Disposition: form-data; name=\"a\"; filename=\"x\"\r\nA: 1\r\n\r\nx\r\n--b\r\n\r\n\r\n--b--\r\n"))
	f.Add([]byte("a\r\n--b \r\n\r\nx\r\n--b--"))
	f.Fuzz(func(t *testing.T, body []byte) {
		parts, err := multipart.Split(body, "b")
		if err != nil {
			return
		}
		r := standard.NewReader(bytes.NewReader(body), "b")
		for i, p := range parts {
			for _, h := range p.Headers {
				if textproto.CanonicalMIMEHeaderKey(h.Name) == h.Name && h.Name != "" && h.Name[0] >= 'a' && h.Name[0] <= 'z' {
					return // a name that the library takes for none
				}
			}
			other, err := r.NextRawPart()
			if err != nil {
				return // stricter there: in what is a header
			}
			content, err := io.ReadAll(other)
			if err != nil || !bytes.Equal(content, p.Body) {
				t.Fatalf("part %d is %q, and to the library %q, %v", i, p.Body, content, err)
			}
		}
	})
}
