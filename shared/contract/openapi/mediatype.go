package openapi

import (
	"bytes"
	"context"
	"mime"
	"strings"

	"sluice/shared/contract/internal/tree"
	"sluice/shared/problem"
)

// notation is how a document is written.
type notation int

const (
	unknown notation = iota
	jsonText
	yamlText
)

// form is what a media type says of a document.
type form struct {
	name     string // without parameters; "" if there was none
	notation notation
}

// maxName is the longest media type that is taken, in bytes.
const maxName = 255

// formOf reads a Content-Type. The error has kind problem.UnsupportedMediaType.
func formOf(mediaType string) (form, error) {
	refused := problem.New(problem.UnsupportedMediaType,
		"an OpenAPI contract is sent as application/json, application/yaml or application/vnd.oai.openapi")
	if strings.TrimSpace(mediaType) == "" {
		return form{}, nil
	}
	name, parameters, err := mime.ParseMediaType(mediaType)
	if err != nil || len(name) > maxName {
		refused.Cause = err
		return form{}, refused
	}
	switch strings.ToLower(parameters["charset"]) {
	case "", "utf-8", "utf8", "us-ascii":
	default:
		return form{}, refused
	}
	switch {
	case name == "application/octet-stream":
		return form{}, nil
	case name == "application/vnd.oai.openapi":
		return form{name, unknown}, nil
	case name == "application/json", strings.HasSuffix(name, "+json"):
		return form{name, jsonText}, nil
	case name == "application/yaml", name == "application/x-yaml", name == "text/yaml", name == "text/x-yaml",
		strings.HasSuffix(name, "+yaml"):
		return form{name, yamlText}, nil
	}
	return form{}, refused
}

// read makes a tree of the document, and gives the media type that describes it. What may be YAML and begins like JSON
// is read as JSON if it is JSON.
func read(ctx context.Context, source []byte, f form) (root *tree.Node, name string, faults []problem.Fault, err error) {
	if len(bytes.TrimSpace(source)) == 0 {
		return nil, "", []problem.Fault{{Detail: "the document is empty"}}, nil
	}
	name = f.name
	braced := bytes.HasPrefix(bytes.TrimSpace(bytes.TrimPrefix(source, []byte("\ufeff"))), []byte("{"))
	var asJSON []problem.Fault
	if f.notation == jsonText || braced {
		root, asJSON, err = tree.JSON(ctx, source)
		if root != nil || err != nil || f.notation == jsonText {
			return root, orElse(name, "application/json"), asJSON, err
		}
	}
	root, faults, err = tree.YAML(ctx, source)
	if root == nil && braced && f.notation == unknown {
		faults = asJSON
	}
	return root, orElse(name, "application/yaml"), faults, err
}

func orElse(name, other string) string {
	if name == "" {
		return other
	}
	return name
}
