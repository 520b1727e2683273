package program

// Operation is one operation as the contract describes it, and what of the pool it needs.
type Operation struct {
	Key        string // method, space, path template
	Parameters []Parameter
	Body       *Body
	Responses  []Response // sorted by status: exact ones, ranges, default
	Pool       []uint32   // the pages it needs, ascending
	Elements   uint32     // of the operation itself: they come before those of its page
}

// Parameter is a parameter of a request or a header of a response.
type Parameter struct {
	Name          string
	In            string // path, query, querystring, header, cookie
	Style         string // never empty but where Media is set
	Explode       bool
	Required      bool
	AllowReserved bool
	AllowEmpty    bool
	Schema        ID
	Media         string // the one media type of content, in place of style
	Element       uint32
}

// Body is what a request carries.
type Body struct {
	Required bool
	Contents []Content
}

// Content is one media type of a body.
type Content struct {
	Media    string // as written, "application/json", "text/*"
	Schema   ID
	Encoding []Encoding // sorted by property
	Element  uint32
}

// Encoding says how one property stands in a form.
type Encoding struct {
	Property      string
	ContentType   string // may be a list
	Style         string // "" if not given: the content type rules
	Explode       bool
	AllowReserved bool
	Headers       []Parameter
}

// Response is what answers with a status look like.
type Response struct {
	Status   string // "200", "4XX", "default"
	Headers  []Parameter
	Contents []Content
	Element  uint32
}

// Schemas calls f for each schema of the operation.
func (o *Operation) Schemas(f func(*ID)) {
	parameters := func(list []Parameter) {
		for i := range list {
			f(&list[i].Schema)
		}
	}
	contents := func(list []Content) {
		for i := range list {
			f(&list[i].Schema)
			for j := range list[i].Encoding {
				parameters(list[i].Encoding[j].Headers)
			}
		}
	}
	parameters(o.Parameters)
	if o.Body != nil {
		contents(o.Body.Contents)
	}
	for i := range o.Responses {
		parameters(o.Responses[i].Headers)
		contents(o.Responses[i].Contents)
	}
}
