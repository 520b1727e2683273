// Package resource is what the functions of the Management API share: how a request is checked, who sent it and whether
// they may, preconditions, remembered answers to repeated POSTs, lists, merge patches, problems, and the OpenAPI document.
//
// A request goes through these steps, in this order, because each protects the next: identify (the authorizer's decision
// must be about this very call), route, read (sizes, media types, strict JSON, the schema that the document publishes),
// recall (a POST that was done already is answered from memory), act (the operation's handler, which asks policies/admin
// before it changes anything), answer.
package resource

import (
	"context"
	"log/slog"
	"net/http"
	"path"
	"runtime/debug"
	"sync"
	"time"

	"sluice/shared/catalog"
	"sluice/shared/decision"
	"sluice/shared/gatewayevent"
	"sluice/shared/policy"
	"sluice/shared/problem"
	"sluice/shared/resource/shape"
	"sluice/shared/resource/strictjson"
)

// Judge decides what an admin may do; *policy.Engine over policies/admin is one.
type Judge interface {
	Decide(context.Context, policy.Input) (policy.Verdict, error)
}

// Replays remembers the answers to POSTs with an Idempotency-Key; *dynamo.Table is one.
type Replays interface {
	// Replayed gives nil, nil if there is no answer under the id, or none that has not expired.
	Replayed(ctx context.Context, id string) (*catalog.Replay, error)
}

// Deps is what an API needs of its surroundings.
type Deps struct {
	Judge   Judge
	Replays Replays
	Now     func() time.Time
	Log     *slog.Logger
}

// API serves operations. Add all of them before the first request.
type API struct {
	Deps
	mux        *http.ServeMux
	operations []*operation
	open       map[string]bool // patterns that need no credential
	creations  sync.Map        // *strictjson.Schema of a creation, by the name of its model
}

// New makes an API without operations. GET /healthz answers already.
func New(d Deps) *API {
	a := &API{Deps: d, mux: http.NewServeMux(), open: map[string]bool{}}
	a.Open("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", JSON)
		_, _ = w.Write([]byte("{\"status\":\"ok\"}\n")) // the caller has gone: nobody to tell
	})
	return a
}

// Add serves one more operation.
func (a *API) Add(operations ...Operation) {
	for _, op := range operations {
		o := prepare(op)
		a.operations = append(a.operations, o)
		a.mux.HandleFunc(o.pattern, func(w http.ResponseWriter, r *http.Request) { a.serve(w, r, o) })
	}
}

// creation is what a resource must be like when it is created, and after every change.
func (a *API) creation(m shape.Model) *strictjson.Schema {
	known, ok := a.creations.Load(m.Name)
	if !ok {
		known, _ = a.creations.LoadOrStore(m.Name, strictjson.NewSchema(described(m.Creation)))
	}
	schema, _ := known.(*strictjson.Schema)
	return schema
}

// Open serves a pattern that needs no credential and is no operation of the API.
func (a *API) Open(pattern string, h http.HandlerFunc) {
	a.open[pattern] = true
	a.mux.HandleFunc(pattern, h)
}

type requestKey struct{}

// request is what is known of a request before it is routed.
type request struct {
	id    string
	actor catalog.Actor
}

// ServeHTTP answers one request; each failure is a problem.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begun := a.Now()
	id := requestID(r)
	seen := &status{ResponseWriter: w}
	actor := catalog.Actor{}
	pattern := ""
	defer func() {
		if p := recover(); p != nil {
			a.Log.ErrorContext(r.Context(), "panic", "request_id", id, "panic", p, "stack", string(debug.Stack()))
			if seen.code == 0 {
				writeProblem(seen, problem.Of(nil, id))
			}
		}
		a.Log.InfoContext(r.Context(), "admin call", "request_id", id, "method", r.Method, "route", pattern, "status", seen.code,
			"actor", actor.ID, "role", actor.Role, "ms", a.Now().Sub(begun).Milliseconds())
	}()
	w.Header().Set("X-Request-Id", id)
	var h http.Handler
	h, pattern = a.mux.Handler(r)
	if a.open[pattern] {
		h.ServeHTTP(seen, r)
		return
	}
	d, err := identify(r)
	if err != nil {
		a.fail(seen, r, id, err)
		return
	}
	if !d.Allowed() {
		refuseCall(seen, d, id)
		return
	}
	actor = *d.Admin
	if err := a.routable(w.Header(), r, pattern); err != nil {
		a.fail(seen, r, id, err)
		return
	}
	// The mux must match again to set the path values; h alone does not.
	a.mux.ServeHTTP(seen, r.WithContext(context.WithValue(r.Context(), requestKey{}, request{id, actor})))
}

// identify reads the authorizer's decision, which must be about this very call.
func identify(r *http.Request) (*decision.Decision, error) {
	e, ok := gatewayevent.RequestFrom(r.Context())
	if !ok || e.RequestContext.Authorizer == nil {
		return nil, problem.New(problem.Internal, "the call came without a decision")
	}
	d, err := decision.Verify(e.RequestContext.Authorizer.Lambda, gatewayevent.CallOf(decision.Management, e))
	if err != nil {
		return nil, err
	}
	if d.Allowed() && (d.Admin == nil || d.Admin.ID == "" || d.Admin.Role == "") {
		return nil, problem.New(problem.Internal, "the decision does not say who acts")
	}
	return d, nil
}

func requestID(r *http.Request) string {
	e, _ := gatewayevent.RequestFrom(r.Context())
	return e.RequestContext.RequestID
}

// routable says what is wrong with a path or method that leads nowhere. http.ServeMux answers those in plain text, and
// redirects a path that it would write differently.
func (a *API) routable(h http.Header, r *http.Request, pattern string) error {
	clean := path.Clean(r.URL.Path)
	if clean != r.URL.Path || len(r.URL.Path) > maxPath {
		return problem.New(problem.NotFound, "no resource has this path")
	}
	if pattern != "" {
		return nil
	}
	for _, m := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		probe := *r
		probe.Method = m
		if _, found := a.mux.Handler(&probe); found != "" {
			h.Add("Allow", m)
		}
	}
	if allow := h.Values("Allow"); len(allow) > 0 {
		joinAllow(h, allow)
		return problem.New(problem.MethodNotAllowed, "this path has no method %.20s; see the Allow header", r.Method)
	}
	return problem.New(problem.NotFound, "no resource has this path")
}

// serve is a request's way from its route to its answer.
func (a *API) serve(w http.ResponseWriter, r *http.Request, o *operation) {
	who, _ := r.Context().Value(requestKey{}).(request)
	reply, err := a.answer(r, o, who)
	if err != nil {
		a.fail(w, r, who.id, err)
		return
	}
	write(w, r, o, reply)
}

// answer reads the request, recalls what was done already, and does what was not.
func (a *API) answer(r *http.Request, o *operation, who request) (*Reply, error) {
	c, err := a.read(r, o, who)
	if err != nil {
		return nil, err
	}
	c.seal(r.URL.Path)
	reply, err := a.recall(r.Context(), c)
	if reply == nil && err == nil {
		reply, err = a.act(r.Context(), c)
	}
	if err != nil {
		return nil, err
	}
	if reply.Raw == nil && reply.Body != nil {
		reply.Media = JSON
		reply.Raw, err = encode(reply.Body)
	}
	reply.fresh = reply.ETag == "" || !c.IfNone.Cached(reply.ETag)
	return reply, err
}

// fail answers with the problem of an error, and logs the causes that nobody may be told.
func (a *API) fail(w http.ResponseWriter, r *http.Request, id string, err error) {
	d := problem.Of(err, id)
	if d.Status >= http.StatusInternalServerError {
		a.Log.ErrorContext(r.Context(), "failed", "request_id", id, "error", err)
	}
	if d.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	writeProblem(w, d)
}

// status notes the status that was answered.
type status struct {
	http.ResponseWriter
	code int
}

// WriteHeader notes the first status.
func (s *status) WriteHeader(code int) {
	if s.code == 0 {
		s.code = code
	}
	s.ResponseWriter.WriteHeader(code)
}

// Write notes that 200 was answered if nothing else was.
func (s *status) Write(b []byte) (int, error) {
	if s.code == 0 {
		s.code = http.StatusOK
	}
	return s.ResponseWriter.Write(b)
}
