package mediation

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"sluice/shared/contract/mediation/form"
	"sluice/shared/contract/mediation/jq"
	"sluice/shared/contract/mediation/mapping"
	"sluice/shared/contract/mediation/markup"
	"sluice/shared/contract/mediation/value"
	"sluice/shared/contract/schema/tape"
)

// body changes a body: read, map, write.
type body struct {
	read, write format
	change      func(context.Context, *value.Value) (*value.Value, error)
	statuses    []string
	limit       int
	of          Fault
}

// format is a Format with its codec.
type format struct {
	Format
	decode func([]byte) (*value.Value, error)
	encode func(*value.Value, int) ([]byte, error)
}

func (c *compiler) body(at string, b *Body, of Fault) func(context.Context, *Parts) *Failure {
	made := &body{limit: c.limits.BodyBytes, of: of, statuses: b.Statuses}
	made.read, made.write = c.format(at+"/read", b.Read), c.format(at+"/write", b.Write)
	c.that(b.Read.ContentType == "", at+"/read/content_type", "has no meaning: what is read tells its type itself")
	c.that(len(b.Statuses) <= maxStatuses, at+"/statuses", "must have at most %d entries", maxStatuses)
	for i, s := range b.Statuses {
		c.that(statusPattern(s), at+"/statuses/"+strconv.Itoa(i), "must be a status or a class, as 200 or 4xx")
	}
	if len(made.statuses) == 0 {
		made.statuses = []string{"2xx"}
	}
	c.that(b.JQ == "" || b.Map == nil, at+"/jq", "must not stand beside map")
	switch {
	case b.JQ != "":
		p, err := jq.Compile(b.JQ, jq.Limits{Steps: c.limits.JQSteps, Bytes: c.limits.JQBytes})
		if c.that(err == nil, at+"/jq", "%v", err) {
			made.change = p.Run
		}
	case b.Map != nil:
		m, faults := mapping.Compile(b.Map, at+"/map")
		c.faults = append(c.faults, faults...)
		made.change = func(_ context.Context, v *value.Value) (*value.Value, error) { return m.Apply(v, made.limit) }
	}
	return made.do
}

func (c *compiler) format(at string, f Format) format {
	made := format{Format: f}
	switch f.As {
	case "", JSON:
		made.As = JSON
		made.decode, made.encode = value.Read, (*value.Value).AppendNew
	case Form:
		m := f.Form
		if m == nil {
			m = &form.Mapping{}
		}
		c.faults = append(c.faults, m.Check(at+"/form")...)
		made.decode, made.encode = m.Read, m.Write
	case XML:
		if c.that(f.XML != nil, at+"/xml", "must say how XML and JSON correspond") {
			c.faults = append(c.faults, f.XML.Check(at+"/xml")...)
			made.decode, made.encode = f.XML.Read, f.XML.Write
		}
	default:
		c.that(false, at+"/as", "must be json, form or xml")
	}
	c.that(f.XML == nil || f.As == XML, at+"/xml", "has no meaning for %s", made.As)
	c.that(f.Form == nil || f.As == Form, at+"/form", "has no meaning for %s", made.As)
	if f.ContentType == "" {
		made.ContentType = map[string]string{JSON: "application/json", Form: "application/x-www-form-urlencoded", XML: "application/xml; charset=utf-8"}[made.As]
	} else {
		_, _, err := mime.ParseMediaType(f.ContentType)
		c.that(err == nil && printable(f.ContentType), at+"/content_type", "must be a media type")
	}
	return made
}

func statusPattern(s string) bool {
	n, err := strconv.Atoi(strings.ReplaceAll(s, "xx", "00"))
	return err == nil && len(s) == 3 && n >= 100 && n <= 599
}

// concerns reports whether the body is to be changed at all.
func (b *body) concerns(p *Parts) bool {
	if len(p.Body) == 0 {
		return false
	}
	if b.of == OfCaller {
		return true
	}
	status := strconv.Itoa(p.Status)
	return slices.Contains(b.statuses, status) || slices.Contains(b.statuses, status[:1]+"xx")
}

// accepts reports whether a media type is of the format. A message that does not say is taken as declared.
func (f *format) accepts(header http.Header) bool {
	types := header["Content-Type"]
	if len(types) == 0 {
		return true
	}
	name, parameters, err := mime.ParseMediaType(types[0])
	if err != nil || len(types) > 1 {
		return false
	}
	if charset := strings.ToLower(parameters["charset"]); charset != "" && charset != "utf-8" && charset != "us-ascii" {
		return false
	}
	switch f.As {
	case JSON:
		return name == "application/json" || name == "text/json" || strings.HasSuffix(name, "+json")
	case XML:
		return name == "application/xml" || name == "text/xml" || strings.HasSuffix(name, "+xml")
	}
	return name == "application/x-www-form-urlencoded"
}

// do is the step.
func (b *body) do(ctx context.Context, p *Parts) *Failure {
	if !b.concerns(p) {
		return nil
	}
	if coding := p.Header["Content-Encoding"]; len(coding) > 0 && !(len(coding) == 1 && strings.EqualFold(coding[0], "identity")) {
		return &Failure{Fault: b.of, Media: true, Detail: "the body is compressed, and cannot be read"}
	}
	if b.of == OfUpstream && p.Status == http.StatusPartialContent {
		return &Failure{Fault: b.of, Detail: "the answer is a part of a body, and cannot be changed"}
	}
	if !b.read.accepts(p.Header) {
		return &Failure{Fault: b.of, Media: true, Detail: "the body is not " + b.read.As + " by its media type"}
	}
	if len(p.Body) > b.limit {
		return &Failure{Fault: b.of, Large: true, Detail: "the body is too large"}
	}
	v, err := b.read.decode(p.Body)
	if err == nil && b.change != nil {
		v, err = b.change(ctx, v)
	}
	var out []byte
	if err == nil {
		out, err = b.write.encode(v, b.limit)
	}
	if err != nil {
		return b.failure(err)
	}
	p.Body = out
	b.describe(p.Header)
	return nil
}

// describe makes the header say what the body is now. What was said of the body as it was is taken away, and a strong
// validator is made weak: the bytes are others.
func (b *body) describe(h http.Header) {
	h["Content-Type"] = []string{b.write.ContentType}
	for _, name := range []string{"Content-Length", "Content-Encoding", "Content-Md5", "Digest", "Content-Digest", "Repr-Digest", "Want-Digest", "Accept-Ranges"} {
		delete(h, name)
	}
	if tag := h["Etag"]; len(tag) == 1 && strings.HasPrefix(tag[0], `"`) {
		h["Etag"] = []string{"W/" + tag[0]}
	}
}

// failure says whose fault it is that a body could not be changed.
func (b *body) failure(err error) *Failure {
	var (
		text   *tape.Fault
		op     *mapping.Fault
		xml    *markup.Fault
		fields *form.Fault
		query  *jq.Fault
	)
	switch {
	case errors.As(err, &text):
		return &Failure{Fault: b.of, Pointer: text.Pointer, Detail: "the body is no JSON that is read here: " + text.Error(), Large: text.Limit}
	case errors.As(err, &op):
		return &Failure{Fault: b.of, Pointer: op.Pointer, Detail: op.Detail, Large: op.TooLarge}
	case errors.As(err, &xml):
		return &Failure{Fault: b.of, Detail: xml.Detail, Large: xml.TooLarge}
	case errors.As(err, &fields):
		return &Failure{Fault: b.of, Pointer: fields.Pointer, Detail: fields.Detail, Large: fields.TooLarge}
	case errors.Is(err, value.ErrTooLarge):
		return &Failure{Fault: b.of, Large: true, Detail: "the body is too large once it is changed"}
	case errors.As(err, &query) && !query.Exhausted:
		return &Failure{Fault: b.of, Detail: query.Detail, Reason: query.Message}
	}
	return &Failure{Fault: OfDeclaration, Detail: err.Error()}
}

// asking makes the step that asks the upstream for answers that can be changed: whole, not compressed, in the format that is
// read.
func (c *compiler) asking(response *Side) step {
	read := response.Body.Read.As
	return step{"accept", func(_ context.Context, p *Parts) *Failure {
		for _, name := range []string{"Accept-Encoding", "Range", "If-Range"} {
			delete(p.Header, name)
		}
		switch read {
		case XML:
			p.Header["Accept"] = []string{"application/xml, text/xml;q=0.9"}
		case Form:
			p.Header["Accept"] = []string{"application/x-www-form-urlencoded"}
		}
		return nil
	}}
}
