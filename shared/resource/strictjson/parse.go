// Package strictjson reads the JSON that admins send, more strictly than encoding/json does, merges patches, and holds values
// against the schemas that the OpenAPI document publishes.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"sluice/shared/problem"
)

// Bounds of a JSON body, beyond its size.
const (
	maxDepth  = 16 // no resource nests deeper than 4
	maxNumber = 32 // characters of a number; none of ours needs more than 20
)

// Parse reads a JSON text into maps, slices, strings, booleans, nil and json.Number. It is stricter than encoding/json:
// two members with one name, anything after the value, text that is not UTF-8, NUL and damaged characters, deep nesting
// and numbers of absurd length are refused, since two readers could take them for different things. Whole numbers come
// out in their plain form, so that 1e3 and 1000.0 are 1000.
//
// The error has kind problem.Invalid, and a JSON pointer where the place is known.
func Parse(text []byte) (any, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, problem.New(problem.Invalid, "the body is empty: send JSON")
	}
	if !utf8.Valid(text) {
		return nil, problem.New(problem.Invalid, "the body is not UTF-8")
	}
	p := parser{json.NewDecoder(bytes.NewReader(text))}
	p.UseNumber()
	v, err := p.value("", 0)
	if err != nil {
		return nil, p.explain(err)
	}
	if _, err := p.Token(); !errors.Is(err, io.EOF) {
		return nil, problem.New(problem.Invalid, "there is more after the end of the JSON value, at byte %d", p.InputOffset())
	}
	return v, nil
}

type parser struct{ *json.Decoder }

// explain turns what the decoder says into what a caller may read. The decoder's own texts quote the input.
func (p parser) explain(err error) error {
	var known *problem.Error
	if errors.As(err, &known) {
		return err
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return problem.New(problem.Invalid, "the JSON ends too early, at byte %d", p.InputOffset())
	}
	return problem.New(problem.Invalid, "the body is not JSON, from byte %d on", p.InputOffset())
}

func (p parser) value(at string, depth int) (any, error) {
	token, err := p.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case json.Delim:
		if depth == maxDepth {
			return nil, refuse(at, "is nested too deeply: more than %d levels", maxDepth)
		}
		if t == '{' {
			return p.object(at, depth+1)
		}
		return p.array(at, depth+1)
	case string:
		return t, checkText(at, t)
	case json.Number:
		return Plain(at, t)
	}
	return token, nil
}

func (p parser) object(at string, depth int) (any, error) {
	members := make(map[string]any)
	for p.More() {
		token, err := p.Token()
		if err != nil {
			return nil, err
		}
		name, ok := token.(string)
		if !ok {
			return nil, problem.New(problem.Invalid, "the body is not JSON, from byte %d on", p.InputOffset())
		}
		here := at + "/" + Escape(name)
		if err := checkText(here, name); err != nil {
			return nil, err
		}
		if _, twice := members[name]; twice {
			return nil, refuse(here, "is there twice")
		}
		if members[name], err = p.value(here, depth); err != nil {
			return nil, err
		}
	}
	_, err := p.Token() // the closing brace
	return members, err
}

func (p parser) array(at string, depth int) (any, error) {
	items := []any{}
	for p.More() {
		v, err := p.value(at+"/"+strconv.Itoa(len(items)), depth)
		if err != nil {
			return nil, err
		}
		items = append(items, v)
	}
	_, err := p.Token() // the closing bracket
	return items, err
}

// checkText refuses what no text of ours may hold. The decoder writes U+FFFD for half a surrogate pair: whoever sends
// that, or the character itself, sends text that was damaged on its way.
func checkText(at, s string) error {
	if strings.ContainsRune(s, 0) {
		return refuse(at, "has a NUL character")
	}
	if strings.ContainsRune(s, utf8.RuneError) {
		return refuse(at, "has a damaged character (U+FFFD or half a surrogate pair)")
	}
	return nil
}

// Plain gives a whole number without exponent and fraction; any other number stays as it is.
// pointer is for the error, of kind problem.Invalid.
func Plain(pointer string, n json.Number) (any, error) {
	s := n.String()
	if len(s) > maxNumber {
		return nil, refuse(pointer, "is a number of more than %d characters", maxNumber)
	}
	if !strings.ContainsAny(s, ".eE") {
		return n, nil
	}
	if _, exponent, ok := strings.Cut(strings.ToLower(s), "e"); ok && len(strings.TrimLeft(exponent, "+-0")) > 2 {
		return nil, refuse(pointer, "is a number out of range")
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return nil, refuse(pointer, "is a number out of range")
	}
	if !r.IsInt() {
		return n, nil
	}
	if s = r.Num().String(); len(s) > maxNumber {
		return nil, refuse(pointer, "is a number out of range")
	}
	return json.Number(s), nil
}

// Escape writes a member name as a token of a JSON pointer (RFC 6901 §3). A long one is cut: it is an answer to someone
// who knows what they sent.
func Escape(name string) string {
	if r := []rune(name); len(r) > 64 {
		name = string(r[:64]) + "…"
	}
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}

func refuse(pointer, format string, args ...any) error {
	detail := fmt.Sprintf(format, args...)
	return &problem.Error{Kind: problem.Invalid, Detail: "the body is not acceptable JSON",
		Faults: []problem.Fault{{Pointer: pointer, Detail: detail}}}
}
