package exchange

import (
	"strconv"
	"strings"

	"sluice/shared/contract/exchange/body"
	"sluice/shared/contract/exchange/media"
	"sluice/shared/contract/exchange/style"
	"sluice/shared/contract/schema"
	"sluice/shared/contract/schema/program"
)

// answer is what answers with a status look like, prepared.
type answer struct {
	*program.Response
	headers  []style.Parameter
	contents []body.Content
}

// Answer is what the contract says of an answer.
type Answer struct {
	Response *program.Response // of its status; nil if the status is not declared
	Content  *program.Content  // of its media type; nil if there is none
	Schema   schema.Schema     // of its body; to be used only if there is a Content
	JSON     bool              // whether the body is JSON: for Schema.Validate or stream.Pass
	Faults   []Fault           // of status, headers and media type
	More     bool              // there are more faults than are told
}

// declareAnswers prepares the answers.
func (o *Operation) declareAnswers(d *program.Operation) {
	for i := range d.Responses {
		r := &d.Responses[i]
		a := answer{Response: r}
		for k := range r.Headers {
			a.headers = append(a.headers, style.New(o.schemas, &r.Headers[k]))
		}
		a.contents = body.New(o.schemas, r.Contents)
		o.answers = append(o.answers, a)
	}
	for _, a := range o.answers {
		if strings.HasPrefix(a.Status, "2") || a.Status == "default" && len(o.offers) == 0 {
			for _, c := range a.contents {
				o.offers = append(o.offers, c.Type)
			}
		}
	}
}

// answer finds what is declared for a status: it alone, its class, the rest.
func (o *Operation) answer(status int) *answer {
	text := strconv.Itoa(status)
	for i := range o.answers { // in this order
		a := &o.answers[i]
		if a.Status == text || a.Status == "default" || len(a.Status) == 3 && a.Status[1:] == "XX" && a.Status[0] == text[0] {
			return a
		}
	}
	return nil
}

// Answer holds the status, the headers and the media type of an answer against the operation; contentType is "" for an
// answer without a body. Headers have lower-case names.
func (o *Operation) Answer(status int, headers map[string][]string, contentType string, options Options) Answer {
	w := o.begin(options)
	w.options.Values.Direction = schema.Response
	var out Answer
	if a := o.answer(status); a == nil {
		w.fault(Fault{InHeader, ":status", "", Undeclared, o.statuses()})
	} else {
		out.Response = a.Response
		w.mark(a.Element)
		w.answerHeaders(a, headers)
		w.answerContent(a, contentType, &out)
	}
	result := w.end()
	out.Faults, out.More = result.Faults, result.More
	return out
}

func (w *work) answerHeaders(a *answer, headers map[string][]string) {
	for i := range a.headers {
		p := &a.headers[i]
		if values := headers[p.Key]; len(values) > 0 {
			w.header(p, values)
		} else if p.Required {
			w.fault(Fault{InHeader, p.Name, "", Missing, "the header"})
		}
	}
}

func (w *work) answerContent(a *answer, contentType string, out *Answer) {
	if contentType == "" || len(a.contents) == 0 {
		return
	}
	t, ok := media.Parse(contentType)
	c := body.Choose(a.contents, t)
	if !ok || c == nil {
		w.fault(Fault{InHeader, "content-type", "", MediaType, listed(a.contents)})
		return
	}
	w.mark(c.Element)
	out.Content, out.Schema, out.JSON = c.Content, c.Schema, t.JSON()
}

// statuses names the statuses that are declared.
func (o *Operation) statuses() string {
	var names []string
	for _, a := range o.answers {
		names = append(names, clip(a.Status))
	}
	if len(names) == 0 {
		return "a declared status"
	}
	return "one of " + strings.Join(names, ", ")
}

// Negotiate chooses the media type of a success that an Accept header likes best, as the contract writes it. False if
// none is acceptable, or none is declared.
func (o *Operation) Negotiate(accept string) (string, bool) {
	i, ok := media.Accepted(accept, o.offers)
	if !ok {
		return "", false
	}
	return o.offers[i].String(), true
}

// accept judges whether the call can be answered.
func (w *work) accept(r *Request) {
	if r.Accept == "" || len(w.op.offers) == 0 {
		return
	}
	if _, ok := media.Accepted(r.Accept, w.op.offers); !ok {
		w.fault(Fault{InHeader, "accept", "", Acceptable, media.List(w.op.offers)})
	}
}
