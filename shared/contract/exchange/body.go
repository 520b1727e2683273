package exchange

import (
	"strings"
	"unicode/utf8"

	"sluice/shared/contract/exchange/media"
	"sluice/shared/contract/exchange/multipart"
)

// body judges the body of a call.
func (w *work) body(r *Request) {
	declared := w.op.schemas.Description().Body
	t, ok := media.Type{Main: "application", Sub: "octet-stream"}, true
	if r.ContentType != "" {
		t, ok = media.Parse(r.ContentType)
	}
	kind := kindOf(t)
	there := len(r.Body) > 0 || r.ContentType != "" && (kind == formBody || kind == textBody || kind == bytesBody)
	switch {
	case declared == nil:
		if len(r.Body) > 0 && w.options.RefuseMedia {
			w.fault(Fault{InBody, "", "", MediaType, "no body"})
		}
		return
	case !there && declared.Required:
		w.fault(Fault{InBody, "", "", Missing, "a body"})
		return
	case !there:
		return
	case !ok || t.Main == "*" || strings.HasPrefix(t.Sub, "*"):
		w.fault(Fault{InBody, "", "", MediaType, "a media type"})
		return
	}
	c := choose(w.op.bodies, t)
	if c == nil {
		if w.options.RefuseMedia && len(declared.Contents) > 0 {
			w.fault(Fault{InBody, "", "", MediaType, listed(w.op.bodies)})
		}
		return
	}
	w.mark(c.Element)
	w.result.Content = c.Content
	w.content(c, t, kind, r.Body)
}

// content judges a body that is of a declared media type.
func (w *work) content(c *content, t media.Type, kind bodyKind, body []byte) {
	text, ok := charset(t, kind, body)
	if !ok {
		w.fault(Fault{InBody, "", "", MediaType, "charset utf-8"})
		return
	}
	switch kind {
	case jsonBody:
		result := c.schema.Validate(text, w.valueOptions())
		w.faults(InBody, "", &result)
		w.result.Body, w.result.Removed = result.Body, result.Removed
	case formBody:
		w.form(c, string(text))
	case partsBody, otherBody:
		boundary, _ := t.Parameter("boundary")
		parts, err := multipart.Split(text, boundary)
		if err != nil {
			w.fault(Fault{InBody, "", "", Syntax, err.Error()})
			return
		}
		if kind == partsBody {
			w.parts(c, parts)
		}
	case textBody:
		if !utf8.Valid(text) {
			w.fault(Fault{InBody, "", "", Encoding, "UTF-8"})
			return
		}
		w.lone(c, text, false)
	case bytesBody:
		if sized(c.schema) {
			w.lone(c, text, true)
		}
	case unread:
	}
}

// lone judges a body that is a single text, or bytes.
func (w *work) lone(c *content, text []byte, raw bool) {
	if c.schema.Free() {
		return
	}
	w.builder.Reset()
	if raw {
		w.builder.String(string(text))
	} else {
		w.builder.Text(string(text))
	}
	result := c.schema.ValidateValue(w.builder.Tape(), w.valueOptions())
	w.faults(InBody, "", &result)
}

// charset gives a body in UTF-8. Of other encodings only ISO 8859-1 is read, and only in texts.
func charset(t media.Type, kind bodyKind, body []byte) ([]byte, bool) {
	name, given := t.Parameter("charset")
	if !given || kind == bytesBody || kind == unread || kind == partsBody || kind == otherBody {
		return body, true
	}
	switch strings.ToLower(name) {
	case "utf-8", "utf8", "us-ascii", "ascii":
		return body, true
	case "iso-8859-1", "latin1":
		if kind != textBody {
			return nil, false
		}
		out := make([]byte, 0, len(body)+len(body)/8)
		for _, c := range body {
			out = utf8.AppendRune(out, rune(c))
		}
		return out, true
	}
	return nil, false
}

// listed names the media types of a body.
func listed(list []content) string {
	const most = 10
	var b strings.Builder
	for i := range list {
		if i == most {
			b.WriteString(", …")
			break
		}
		if i > 0 {
			b.WriteString(" or ")
		}
		b.Write(clean(list[i].Media))
	}
	return b.String()
}
