// Package document writes the OpenAPI document of the Management API from the same descriptions that requests are held
// against. Nothing of it runs in a function: the document is written when the code changes.
package document

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"sluice/shared/catalog"
	"sluice/shared/problem"
	"sluice/shared/resource"
	"sluice/shared/resource/shape"
)

// Write writes the OpenAPI 3.1 document of the operations.
func Write(info huma.Info, groups []shape.Tag, operations []resource.Operation) ([]byte, error) {
	schemas := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	schemas.Map()["Problem"] = published(problemSchema())
	doc := &huma.OpenAPI{OpenAPI: "3.1.0", Info: &info, Tags: tags(groups), Servers: []*huma.Server{{URL: "/", Description: "This deployment"}},
		Security: []map[string][]string{{"adminKey": {}}},
		Components: &huma.Components{Schemas: schemas, Responses: map[string]*huma.Response{}, Headers: headers(),
			SecuritySchemes: map[string]*huma.SecurityScheme{"adminKey": {Type: "http", Scheme: "bearer", BearerFormat: "sla_…",
				Description: "An admin key."}}}}
	for _, op := range operations {
		doc.AddOperation(describe(op, doc.Components))
	}
	text, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("write the document: %w", err)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, text, "", "  "); err != nil {
		return nil, fmt.Errorf("indent the document: %w", err)
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// describe writes one operation; the schemas it names go to the components.
func describe(o resource.Operation, parts *huma.Components) *huma.Operation {
	op := &huma.Operation{OperationID: o.ID, Method: o.Method, Path: o.Path, Summary: o.Summary, Description: o.Description,
		Tags: []string{o.Tag}, Security: []map[string][]string{{"adminKey": {}}}, Parameters: parameters(o),
		RequestBody: requestBody(o.Body, parts), Responses: map[string]*huma.Response{}}
	for _, status := range o.Status {
		op.Responses[strconv.Itoa(status)] = success(o, status, parts)
	}
	if o.Conditional == resource.IfNoneMatch {
		op.Responses["304"] = &huma.Response{Description: "Not changed since the state that If-None-Match names.",
			Headers: refs("ETag", "X-Request-Id")}
	}
	for _, kind := range o.Failures() {
		name := failureName(kind)
		if parts.Responses[name] == nil {
			parts.Responses[name] = failure(kind)
		}
		op.Responses[strconv.Itoa(kind.Status())] = &huma.Response{Ref: "#/components/responses/" + name}
	}
	return op
}

func parameters(o resource.Operation) []*huma.Param {
	var out []*huma.Param
	for _, name := range o.PathNames() {
		example := any("orders")
		if resource.PathPattern(name).String() == shape.UUID {
			example = exampleID
		} else if name == "version" {
			example = "v1"
		}
		out = append(out, &huma.Param{Name: name, In: "path", Required: true, Example: example,
			Schema: published(shape.Matching("", resource.PathPattern(name).String()))})
	}
	for _, p := range o.Query {
		schema := published(p.Schema)
		schema.Description = ""
		out = append(out, &huma.Param{Name: p.Name, In: "query", Required: p.Needed, Description: p.Schema.Description, Schema: schema})
	}
	header := func(name, description string, schema *shape.Schema) {
		out = append(out, &huma.Param{Name: name, In: "header", Description: description, Schema: published(schema)})
	}
	tags := shape.Matching("", resource.TagsPattern)
	switch o.Conditional {
	case resource.IfMatch:
		header("If-Match", "Change only this state: its ETag, or `*`.", tags)
	case resource.IfNoneMatch:
		header("If-None-Match", "Answer 304 if this state, named by its ETag, is still the present one.", tags)
	case resource.Unconditional, resource.Tagged:
	}
	if o.Idempotent() {
		most := resource.MaxKey
		key := shape.Matching("", `^[!-~]+$`)
		key.MaxLength = &most
		header("Idempotency-Key", "Repeating a request with the same key does its work once: for a day the first answer is given "+
			"again, with `Idempotency-Replayed: true` and never with a secret.", key)
	}
	return out
}

// exampleID is the UUID of every example.
const exampleID = "0b9f6c1e-8d3a-4c52-9a57-3f1d2e4b5a60"

func requestBody(b *resource.Body, parts *huma.Components) *huma.RequestBody {
	if b == nil {
		return nil
	}
	out := &huma.RequestBody{Required: !b.Optional, Content: map[string]*huma.MediaType{}}
	for _, media := range b.Accepts() {
		schema := &huma.Schema{Type: huma.TypeString}
		if b.Schema != nil {
			parts.Schemas.Map()[b.Name] = published(b.Schema())
			schema = published(shape.Ref(b.Name))
		} else if strings.HasSuffix(media, "json") {
			schema = &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}
		}
		out.Content[media] = &huma.MediaType{Schema: schema}
		if schema.Type != huma.TypeString {
			out.Content[media].Example = b.Example
		}
	}
	return out
}

func success(o resource.Operation, status int, parts *huma.Components) *huma.Response {
	r := &huma.Response{Description: http.StatusText(status), Headers: refs("X-Request-Id")}
	if o.Conditional != resource.Unconditional && status != http.StatusNoContent {
		r.Headers["ETag"] = refs("ETag")["ETag"]
	}
	if status == http.StatusCreated {
		r.Headers["Location"] = refs("Location")["Location"]
	}
	if o.Idempotent() {
		r.Headers["Idempotency-Replayed"] = refs("Idempotency-Replayed")["Idempotency-Replayed"]
	}
	a := o.Answer
	if a == nil || status == http.StatusNoContent {
		return r
	}
	media := a.Media
	if media == nil {
		media = []string{resource.JSON}
	}
	schema := published(a.Schema())
	if a.Name != "" {
		parts.Schemas.Map()[a.Name] = schema
		schema = published(shape.Ref(a.Name))
	}
	r.Content = map[string]*huma.MediaType{}
	for _, m := range media {
		r.Content[m] = &huma.MediaType{Schema: schema}
	}
	return r
}

// failureName names the response of a status: kinds that share one share the response.
func failureName(k problem.Kind) string {
	return strings.ReplaceAll(http.StatusText(k.Status()), " ", "")
}

func failure(k problem.Kind) *huma.Response {
	r := &huma.Response{Description: problem.Of(problem.New(k, ""), "").Title + ".", Headers: refs("X-Request-Id"),
		Content: map[string]*huma.MediaType{problem.MediaType: {Schema: published(shape.Ref("Problem")), Example: exampleProblem(k)}}}
	switch k.Status() {
	case http.StatusUnauthorized:
		r.Headers["WWW-Authenticate"] = refs("WWW-Authenticate")["WWW-Authenticate"]
	case http.StatusServiceUnavailable:
		r.Headers["Retry-After"] = refs("Retry-After")["Retry-After"]
	}
	return r
}

func exampleProblem(k problem.Kind) problem.Document {
	e := problem.New(k, "What is wrong with this request.")
	if k == problem.Unprocessable {
		e.Faults = []problem.Fault{{Pointer: "/id", Detail: "must match " + catalog.SlugPattern}}
	}
	return problem.Of(e, "JKJaXmPLvHcESHA=")
}

func headers() map[string]*huma.Header {
	text := func(description, pattern string) *huma.Header {
		return &huma.Header{Description: description, Schema: published(shape.Matching("", pattern))}
	}
	return map[string]*huma.Header{
		"ETag":                 text("Names this state of the resource.", `^"[!#-~]+"$`),
		"Location":             text("The path of the new resource.", `^/admin/v1/`),
		"X-Request-Id":         text("Names this request in logs and in the audit trail.", ``),
		"Idempotency-Replayed": text("There if the answer is that to an earlier request with the same Idempotency-Key.", `^true$`),
		"WWW-Authenticate":     text("How to authenticate.", `^Bearer `),
		"Retry-After":          text("Seconds to wait.", `^[0-9]+$`),
	}
}

func refs(names ...string) map[string]*huma.Header {
	out := make(map[string]*huma.Header, len(names))
	for _, name := range names {
		out[name] = &huma.Header{Ref: "#/components/headers/" + name}
	}
	return out
}

func problemSchema() *shape.Schema {
	s := shape.Object("A problem (RFC 9457).",
		shape.Field{Name: "type", Schema: shape.Matching("Stable and absolute; names the sort of problem.", `^[a-z]+:`), Always: true},
		shape.Field{Name: "title", Schema: shape.Text("The sort of problem, in words.", 200), Always: true},
		shape.Field{Name: "status", Schema: shape.Whole("The HTTP status.", 400, 599), Always: true},
		shape.Field{Name: "code", Schema: shape.Matching("The sort of problem, for programs.", `^[a-z_]+$`), Always: true},
		shape.Field{Name: "detail", Schema: shape.Text("What is wrong this time.", 4000)},
		shape.Field{Name: "fix", Schema: shape.Text("What would help.", 4000)},
		shape.Field{Name: "request_id", Schema: shape.Text("Names the request in our logs.", 200)},
		shape.Field{Name: "errors", Schema: shape.List("Each thing that is wrong, and where.", shape.Object("",
			shape.Field{Name: "pointer", Always: true,
				Schema: shape.Text("A JSON pointer into the body (RFC 6901), or `query:name`, `path:name`, `header:name`.", 4000)},
			shape.Field{Name: "detail", Schema: shape.Text("What is wrong there.", 4000), Always: true}), 0)})
	s.AdditionalProperties = true
	return s
}
