package resource

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"sluice/shared/catalog"
	"sluice/shared/problem"
	"sluice/shared/resource/strictjson"
)

// read checks everything about a request that needs no store.
func (a *API) read(r *http.Request, o *operation, who request) (*Call, error) {
	c := &Call{Actor: who.actor, RequestID: who.id, Path: make(map[string]string, len(o.names)), api: a, op: o}
	if err := c.readPath(r); err != nil {
		return nil, err
	}
	if err := c.readQuery(r); err != nil {
		return nil, err
	}
	if err := c.readConditions(r.Header); err != nil {
		return nil, err
	}
	if o.Body == nil {
		return c, nil
	}
	return c, c.readBody(r)
}

func (c *Call) readBody(r *http.Request) error {
	b := c.op.Body
	raw, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, b.limit()))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return problem.New(problem.TooLarge, "the body has more than %d bytes", b.limit())
	}
	if err != nil {
		return problem.Wrap(err, problem.Invalid, "the body could not be read to its end")
	}
	if c.Raw = raw; len(raw) == 0 && b.Optional {
		c.Body = map[string]any{}
		return nil
	}
	if err := c.readMedia(r.Header); err != nil {
		return err
	}
	if c.op.body == nil {
		return nil
	}
	if c.Body, err = strictjson.Parse(raw); err != nil {
		return err
	}
	return invalid(c.op.body.Check(c.Body, ""))
}

// invalid turns faults into one error.
func invalid(faults []problem.Fault, err error) error {
	if err != nil || len(faults) == 0 {
		return err
	}
	slices.SortFunc(faults, func(a, b problem.Fault) int { return strings.Compare(a.Pointer, b.Pointer) })
	return &problem.Error{Kind: problem.Unprocessable, Detail: "the request does not fit this operation", Faults: faults}
}

func (c *Call) readPath(r *http.Request) error {
	var faults []problem.Fault
	for _, name := range c.op.names {
		v := r.PathValue(name)
		if p := PathPattern(name); !p.MatchString(v) {
			faults = append(faults, problem.Fault{Pointer: "path:" + name, Detail: "must match " + p.String()})
		}
		c.Path[name] = v
	}
	return invalid(faults, nil)
}

func (c *Call) readQuery(r *http.Request) error {
	if len(r.URL.RawQuery) > MaxQuery {
		return problem.New(problem.Invalid, "the query has more than %d bytes", MaxQuery)
	}
	sent, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return problem.New(problem.Invalid, "the query cannot be read")
	}
	var faults []problem.Fault
	fault := func(name, detail string) {
		faults = append(faults, problem.Fault{Pointer: "query:" + strictjson.Escape(name), Detail: detail})
	}
	c.Query = make(map[string]string, len(sent))
	for name, values := range sent {
		v, known := c.op.query[name]
		switch {
		case !known:
			fault(name, "is not a parameter of this operation")
		case len(values) > 1:
			fault(name, "is there more than once")
		default:
			found, err := v.schema.Check(parameter(v, values[0]), "query:"+name)
			if err != nil {
				return err
			}
			faults = append(faults, found...)
			c.Query[name] = values[0]
		}
	}
	for _, p := range c.op.Query {
		if _, ok := sent[p.Name]; !ok && p.Needed {
			fault(p.Name, "is required")
		}
	}
	return invalid(faults, nil)
}

// parameter reads a parameter as its schema means it: a number where it wants one, else the text.
func parameter(v checkedParam, text string) any {
	if v.whole && json.Valid([]byte(text)) {
		if n, err := strictjson.Plain("", json.Number(text)); err == nil {
			return n
		}
	}
	return text
}

func (c *Call) readConditions(h http.Header) error {
	for name, into := range map[string]*Tags{"If-Match": &c.IfMatch, "If-None-Match": &c.IfNone} {
		if values, sent := h[name]; sent {
			var err error
			if *into, err = ParseTags(name, strings.Join(values, ",")); err != nil {
				return err
			}
		}
	}
	key, sent := h["Idempotency-Key"]
	if !sent || !c.op.Idempotent() {
		return nil
	}
	return c.readReplay(strings.Join(key, ","))
}

// readMedia says whether the operation reads the media type of the body.
func (c *Call) readMedia(h http.Header) error {
	c.MediaType = h.Get("Content-Type")
	accepted := c.op.Body.Accepts()
	refusal := problem.New(problem.UnsupportedMediaType, "send Content-Type %s", strings.Join(accepted, " or "))
	media, params, err := mime.ParseMediaType(c.MediaType)
	if err != nil || h.Get("Content-Encoding") != "" {
		return refusal
	}
	if c.op.Body.Schema == nil {
		return nil // the handler knows better
	}
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return problem.New(problem.UnsupportedMediaType, "JSON is UTF-8 (RFC 8259 §8.1)")
	}
	if !slices.Contains(accepted, media) {
		return refusal
	}
	return nil
}

// Decode reads the body into a value of the operation's own.
func (c *Call) Decode(into any) error { return decode(c.Body, into) }

// decode moves a checked value into a struct.
func decode(value, into any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("write body: %w", err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		var odd *json.UnmarshalTypeError
		fault := problem.Fault{Pointer: "", Detail: "has a value out of range"}
		if errors.As(err, &odd) {
			fault.Pointer = "/" + strings.ReplaceAll(odd.Field, ".", "/")
		}
		return &problem.Error{Kind: problem.Unprocessable, Detail: "the body cannot be read", Faults: []problem.Fault{fault}, Cause: err}
	}
	return nil
}

// Write is the circumstances of the change that this call makes.
func (c *Call) Write(action string) catalog.Write {
	return catalog.Write{Actor: c.Actor, RequestID: c.RequestID, Action: action, At: c.Now(), Replay: c.replay}
}

// Now is the time, in UTC, as precise as the store keeps it.
func (c *Call) Now() time.Time { return c.api.Now().UTC().Truncate(time.Millisecond) }

// WithoutIfMatch is the call without its If-Match: for a handler that has its own idea of what that names.
func (c *Call) WithoutIfMatch() *Call {
	plain := *c
	plain.IfMatch = Tags{}
	return &plain
}
