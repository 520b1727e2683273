package exchange_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/shared/contract/exchange"
)

// account is what the forms of the tests hold.
const account = `{type: object, required: [name], additionalProperties: false, properties: {
	name: {type: string, maxLength: 5}, age: {type: integer}, tags: {type: array, items: {type: string}}, ids: {type: array, items: {type: integer}},
	address: {type: object, properties: {city: {type: string}, zip: {type: integer}}}, points: {type: array, items: {type: object, required: [x]}},
	split: {type: array, items: {type: integer}}, deep: {type: object, additionalProperties: false, properties: {a: {type: integer}}},
	list: {type: array, items: {type: integer}}, either: {oneOf: [{type: string}, {type: object, required: [x]}]}, secret: {type: string, readOnly: true},
	photo: {type: string, format: binary}, photos: {type: array, items: {type: string, format: binary}}, small: {type: string, maxLength: 3},
	headed: {type: string}, both: {type: [string, array], items: {type: integer}}}}`

const encoding = `{split: {style: form, explode: false}, deep: {style: deepObject}, list: {contentType: application/json}, both: {style: form},
	photo: {contentType: "image/png, image/jpeg"}, headed: {headers: {X-Size: {required: true, schema: {type: integer}}}}}`

// bodies is an operation that takes an account in many forms, and other bodies.
const bodies = `{openapi: 3.1.0, paths: {/: {post: {requestBody: {content: {
	application/json: {schema: ` + account + `},
	application/x-www-form-urlencoded: {schema: ` + account + `, encoding: ` + encoding + `},
	multipart/form-data: {schema: ` + account + `, encoding: ` + encoding + `},
	multipart/mixed: {schema: {type: array}},
	text/plain: {schema: {type: string, maxLength: 3}},
	text/*: {schema: {type: integer}},
	application/xml: {schema: {type: object}},
	application/octet-stream: {schema: {type: string, maxLength: 3}},
	application/vnd.a+json: {schema: {const: 1}},
	"application/vnd.b+json; v=2": {schema: {const: 2}},
	application/vnd.b+json: {schema: {const: 3}},
	"application/*": {schema: {const: 4}}}}}}}}`

// TestBodies: each media type is read as what it is, and its faults are told as pointers.
func TestBodies(t *testing.T) {
	op := operation(t, bodies)
	const form = "application/x-www-form-urlencoded"
	for name, c := range map[string]struct {
		media, body string
		told        []string
	}{
		"JSON is judged":                                 {"application/json", `{"name":1}`, []string{"/name type"}},
		"a suffix is JSON too":                           {"application/vnd.a+json", `2`, []string{" const"}},
		"a media type is compared without case":          {"Application/JSON", `{}`, []string{" required"}},
		"parameters choose the media type":               {"application/vnd.b+json;V=2", `3`, []string{" const"}},
		"other parameters choose none":                   {"application/vnd.b+json; v=3", `3`, nil},
		"a range takes what nothing else does":           {"application/vnd.c+json", `3`, []string{" const"}},
		"a text is judged":                               {"text/plain", "abcd", []string{" maxLength"}},
		"a text of ISO 8859-1 is read":                   {"text/plain; charset=iso-8859-1", "\xe4\xf6\xfc", nil},
		"a text that is not UTF-8 is refused":            {"text/plain", "\xe4", []string{" encoding"}},
		"a text may be a number":                         {"text/x", "12", nil},
		"a text may be no number":                        {"text/x", "1x", []string{" type"}},
		"an empty text is a text":                        {"text/x", "", []string{" type"}},
		"bytes are counted":                              {"application/octet-stream", "\xff\xfe\xfd\xfc", []string{" maxLength"}},
		"XML is not looked into":                         {"application/xml", "<a", nil},
		"a form is judged":                               {form, "name=toolong&age=x", []string{"/name maxLength", "/age type"}},
		"an empty form lacks fields":                     {form, "", []string{" required"}},
		"a plus in a form is a space":                    {form, "name=a+b%2B", nil},
		"a field of a form that is not declared":         {form, "name=a&x=1", []string{"/x additionalProperties"}},
		"a field that is only read":                      {form, "name=a&secret=1", []string{"/secret readOnly"}},
		"a list in a form comes again":                   {form, "name=a&ids=1&ids=x", []string{"/ids/1 type"}},
		"a list in a form may come once":                 {form, "name=a&tags=1,2", nil},
		"a single value in a form twice":                 {form, "name=a&name=b", []string{"/name duplicate"}},
		"an object in a form is JSON":                    {form, "name=a&address=%7B%22zip%22:%22x%22%7D", []string{"/address/zip type"}},
		"an object in a form that is no JSON":            {form, "name=a&address=x", []string{"/address syntax"}},
		"objects in a form are JSON each":                {form, "name=a&points={\"x\":1}&points={}", []string{"/points/1 required"}},
		"a text or an object may be the object":          {form, "name=a&either={}", []string{"/either oneOf"}},
		"a text or an object may be the text":            {form, "name=a&either=x", nil},
		"a style splits a list in a form":                {form, "name=a&split=1,2,x", []string{"/split/2 type"}},
		"a deep object in a form":                        {form, "name=a&deep[a]=1&deep%5Bb%5D=1", []string{"/deep/b additionalProperties"}},
		"brackets in other fields are names":             {form, "name=a&tags[]=1", []string{"/tags[] additionalProperties"}},
		"a list whose content type is JSON":              {form, "name=a&list=[1,2,%22x%22]", []string{"/list/2 type"}},
		"elements of a list whose content type is JSON":  {form, "name=a&list=1&list=2", nil},
		"a broken encoding of a name in a form":          {form, "name=a&%z=1", []string{" encoding"}},
		"a broken encoding of a value in a form":         {form, "name=%z", []string{"/name encoding"}},
		"a charset that a form cannot have":              {form + "; charset=iso-8859-1", "name=a", []string{" contentType"}},
		"parts are fields":                               {"", part("name", "", "abc") + part("age", "", "x"), []string{"/age type"}},
		"a style that splits a part does not decode it":  {"", part("name", "", "a") + part("split", "", "1,%32"), []string{"/split/1 type"}},
		"a style takes a value or a list":                {form, "name=a&both=1&both=x", []string{"/both/1 type"}},
		"parts are not decoded":                          {"", part("name", "", "%41++"), nil},
		"a part that is only read":                       {"", part("name", "", "a") + part("secret", "", "b"), []string{"/secret readOnly"}},
		"a list in parts comes again":                    {"", part("name", "", "a") + part("ids", "", "1") + part("ids", "", "x"), []string{"/ids/1 type"}},
		"a single part twice":                            {"", part("name", "", "a") + part("name", "", "b"), []string{"/name duplicate"}},
		"an object in a part is JSON":                    {"", part("name", "", "a") + part("address", "", `{"zip":"x"}`), []string{"/address/zip type"}},
		"an object in a part that says it is JSON":       {"", part("name", "", "a") + part("address", "application/json", `{"zip":"x"}`), []string{"/address/zip type"}},
		"a list in a part that says it is JSON":          {"", part("name", "", "a") + part("ids", "application/json", `[1,"x"]`), []string{"/ids/1 type"}},
		"a part of a media type that it may not have":    {"", part("name", "", "a") + part("photo", "image/gif", "GIF"), []string{"/photo contentType"}},
		"a part of bytes":                                {"", part("name", "", "a") + part("photo", "image/png", "\x89PNG\xff"), nil},
		"parts of bytes":                                 {"", part("name", "", "a") + part("photos", "image/png", "\x89") + part("photos", "", "x"), nil},
		"a part of bytes that is too large":              {"", part("name", "", "a") + part("small", "image/png", "\x89\x89\x89\x89"), []string{"/small maxLength"}},
		"a part that is not UTF-8":                       {"", part("name", "", "\xff"), []string{"/name encoding"}},
		"a part of ISO 8859-1":                           {"", part("name", "text/plain; charset=iso-8859-1", "\xe4\xe4\xe4\xe4\xe4"), nil},
		"a part with a transfer encoding":                {"", part("name\"\r\nContent-Transfer-Encoding: base64\r\nX-A: \"", "", "YQ=="), []string{"/name encoding"}},
		"a part lacks a header":                          {"", part("name", "", "a") + part("headed", "", "a"), []string{"/headed required"}},
		"a part has a wrong header":                      {"", part("name", "", "a") + part("headed\"\r\nX-Size: \"x", "", "a"), []string{"/headed type"}},
		"a part without a name":                          {"", "--b\r\n\r\na\r\n", []string{" syntax"}},
		"a body of parts without parts":                  {"", "x", []string{" syntax"}},
		"another body of parts must be whole":            {"multipart/mixed; boundary=b", "--b\r\n\r\na", []string{" syntax"}},
		"another body of parts is not looked into":       {"multipart/mixed; boundary=b", "--b\r\n\r\na\r\n--b--", nil},
		"a file of JSON may be what a browser names one": {"", part("name", "", "a") + part("address\"; filename=\"blob", "application/json", `{"zip":"x"}`), []string{"/address/zip type"}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.media == "" {
				c.media, c.body = "multipart/form-data; boundary=b", strings.TrimPrefix(c.body, "\r\n")+"--b--\r\n"
			}
			got := op.Validate(&exchange.Request{Path: []string{""}, ContentType: c.media, Body: []byte(c.body)}, exchange.Options{RefuseMedia: true})
			if diff := cmp.Diff(c.told, told(got)); diff != "" {
				t.Errorf("faults (-want +got):\n%s%+v", diff, got.Faults)
			}
		})
	}
}

// part writes a part of a form.
func part(name, media, content string) string {
	if media != "" {
		media = "Content-Type: " + media + "\r\n"
	}
	return "--b\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n" + media + "\r\n" + content + "\r\n"
}

func TestAFormWhoseFieldsCannotBeToldIsNotJudged(t *testing.T) {
	op := operation(t, `{openapi: 3.1.0, paths: {/: {post: {requestBody: {content: {application/x-www-form-urlencoded: {
		schema: {type: object, required: [o], properties: {o: {type: object}}}, encoding: {o: {style: form}}}}}}}}}`)
	for body, ok := range map[string]bool{"R=1&G=2": true, "R=%z": false} {
		got := op.Validate(&exchange.Request{Path: []string{""}, ContentType: "application/x-www-form-urlencoded", Body: []byte(body)}, exchange.Options{})
		if got.OK() != ok {
			t.Errorf("%s: %v", body, got.Faults)
		}
	}
}

func TestBytesAreNoNumber(t *testing.T) {
	op := operation(t, `{openapi: 3.1.0, paths: {/: {post: {requestBody: {content: {application/octet-stream: {schema: {type: integer}}}}}}}}`)
	if got := told(op.Validate(&exchange.Request{Path: []string{""}, Body: []byte("1")}, exchange.Options{})); len(got) != 1 || got[0] != " type" {
		t.Errorf("%q", got)
	}
}
