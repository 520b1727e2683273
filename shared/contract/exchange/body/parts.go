package body

import (
	"strings"
	"unicode/utf8"

	"sluice/shared/contract/exchange/media"
	"sluice/shared/contract/exchange/multipart"
	"sluice/shared/contract/exchange/style"
	"sluice/shared/contract/schema"
	"sluice/shared/contract/schema/tape"
)

// parts judges a form in parts. The heads of parts are judged before what they hold.
func (r *Reader) parts(c *Content, parts []multipart.Part, o schema.Options) schema.Result {
	r.start()
	var result schema.Result
	for i := range parts {
		p := &parts[i]
		if !p.Named || !utf8.ValidString(p.Name) {
			return refused(style.Syntax, "a name for each part, in Content-Disposition: form-data")
		}
		_, f := c.find(p.Name)
		value, kind, fault := content(f, p)
		if fault == nil && f != nil {
			fault = r.heads(f, p, o)
		}
		if fault != nil {
			fault.Pointer = "/" + tape.Escape([]byte(p.Name))
			if result.Faults = append(result.Faults, *fault); len(result.Faults) >= max(1, o.Faults) {
				result.More = i < len(parts)-1
				return result
			}
			continue
		}
		if !r.field(c, p.Name, string(value), kind) {
			return refused(style.Limit, "fewer parts")
		}
	}
	if !result.OK() {
		return result
	}
	return r.judge(c, &style.Writing{}, o)
}

// content says what a part holds, by its content type: that of a text without one (RFC 7578 §4.4).
func content(f *property, p *multipart.Part) ([]byte, pieceKind, *schema.Fault) {
	refuse := func(keyword, expected string) ([]byte, pieceKind, *schema.Fault) {
		return nil, plain, &schema.Fault{Keyword: keyword, Expected: expected}
	}
	if coding, ok := p.Header("content-transfer-encoding"); ok && !strings.EqualFold(coding, "7bit") && !strings.EqualFold(coding, "8bit") &&
		!strings.EqualFold(coding, "binary") {
		return refuse(style.Encoding, "a part without a transfer encoding (RFC 7578 §4.7)")
	}
	t, ok := media.Type{Main: "text", Sub: "plain"}, true
	text, given := p.Header("content-type")
	if given {
		t, ok = media.Parse(text)
	}
	switch {
	case !ok:
		return refuse(MediaType, "a media type")
	case given && f != nil && len(f.accepts) > 0 && !fits(f.accepts, t):
		return refuse(MediaType, media.List(f.accepts))
	case given && t.JSON() && !(p.File && f != nil && f.textual()): // browsers name blobs as files
		return p.Body, whole, nil
	case t.Main == "text" && !p.File:
		body, ok := charset(t, Text, p.Body)
		if !ok || !utf8.Valid(body) {
			return refuse(style.Encoding, "UTF-8")
		}
		return body, plain, nil
	case f != nil && f.sized:
		return p.Body, bytes, nil
	}
	return nil, bytes, nil // the schema does not look at them
}

// heads judges the header fields of a part that the contract describes.
func (r *Reader) heads(f *property, p *multipart.Part, o schema.Options) *schema.Fault {
	for i := range f.headers {
		h := &f.headers[i]
		value, ok := p.Header(h.Key)
		if !ok && h.Required {
			return &schema.Fault{Keyword: "required", Expected: "the header " + h.Name + " of the part"}
		}
		if !ok {
			continue
		}
		if result := r.Builder.Judge(h, []string{value}, nil, o); !result.OK() {
			first := result.Faults[0]
			return &schema.Fault{Keyword: first.Keyword, Expected: "in the header " + h.Name + " of the part " + first.Expected}
		}
	}
	return nil
}

func fits(list []media.Type, t media.Type) bool {
	for _, wide := range list {
		if media.Fit(wide, t) > 0 {
			return true
		}
	}
	return false
}
