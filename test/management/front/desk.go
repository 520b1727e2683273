package front

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/shared/catalog"
	"sluice/shared/gatewayevent"
	"sluice/shared/problem"
	"sluice/shared/telemetry"
)

// The bearer tokens that every Desk knows.
const (
	Admin   = "sla_admin" // a platform admin
	Second  = "sla_second"
	Sales   = "sla_sales" // a member of team sales
	Auditor = "sla_auditor"
)

// Staff is who presents them.
func Staff() Actors {
	return Actors{
		Admin:   {ID: "00000000-0000-4000-8000-000000000001", Name: "Ada", Role: catalog.RolePlatformAdmin},
		Second:  {ID: "00000000-0000-4000-8000-000000000002", Name: "Bob", Role: catalog.RolePlatformAdmin},
		Sales:   {ID: "00000000-0000-4000-8000-000000000003", Name: "Cid", Role: catalog.RoleTeamMember, Team: "sales"},
		Auditor: {ID: "00000000-0000-4000-8000-000000000004", Name: "Dee", Role: catalog.RoleAuditor},
	}
}

// Clock is a clock that moves only when told.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock starts on 23 November 2026 at 19:00 UTC.
func NewClock() *Clock { return &Clock{now: time.Date(2026, 11, 23, 19, 0, 0, 0, time.UTC)} }

// Now is the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Pass lets time pass.
func (c *Clock) Pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Desk is where a test sits to send requests to a management function, and to read its log.
type Desk struct {
	tb      testing.TB
	Clock   *Clock
	Gateway *Gateway
	mu      sync.Mutex
	log     bytes.Buffer
}

// NewDesk makes a Desk in front of what build makes; build gets the log.
func NewDesk(tb testing.TB, clock *Clock, build func(log *slog.Logger) http.Handler) *Desk {
	d := &Desk{tb: tb, Clock: clock}
	log := telemetry.New(d, slog.LevelDebug)
	f := gatewayevent.Handler(build(log), log)
	d.Gateway = &Gateway{Actors: Staff(), Now: d.Clock.Now, Route: func(string) gatewayevent.Function { return f }}
	return d
}

// Write takes a line of the log.
func (d *Desk) Write(line []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.log.Write(line)
}

// Log is everything that was logged.
func (d *Desk) Log() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.log.String()
}

// Answer is what came back.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Request is one request. The zero value of each field leaves it out; JSON is sent as application/json unless Header says
// otherwise.
type Request struct {
	As     string // a bearer token; "" is Admin, "nobody" sends none
	Body   string
	Header map[string]string
}

// Do sends a request.
func (d *Desk) Do(method, path string, r Request) Answer {
	d.tb.Helper()
	req := httptest.NewRequestWithContext(d.tb.Context(), method, "http://management.example"+path, strings.NewReader(r.Body))
	if r.Body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range r.Header {
		req.Header.Set(name, value)
	}
	switch r.As {
	case "":
		req.Header.Set("Authorization", "Bearer "+Admin)
	case "nobody":
	default:
		req.Header.Set("Authorization", "Bearer "+r.As)
	}
	w := httptest.NewRecorder()
	d.Gateway.ServeHTTP(w, req)
	return Answer{w.Code, w.Header(), w.Body.Bytes()}
}

// Must sends a request that has to succeed with the status, and reads the answer's JSON.
func (d *Desk) Must(status int, method, path, body string) Fields {
	d.tb.Helper()
	a := d.Do(method, path, Request{Body: body})
	if a.Status != status {
		d.tb.Fatalf("%s %s %s: %d %s, want %d", method, path, body, a.Status, a.Body, status)
	}
	return a.JSON(d.tb)
}

// Fields is the members of a JSON object.
type Fields map[string]any

// Of takes any value for an object; what is none has no members.
func Of(v any) Fields {
	m, _ := v.(map[string]any)
	return m
}

// Text is a member that is a text; "" if it is none.
func (f Fields) Text(name string) string {
	s, _ := f[name].(string)
	return s
}

// List is a member that is a list; nil if it is none.
func (f Fields) List(name string) []any {
	l, _ := f[name].([]any)
	return l
}

// JSON reads the answer; nil if it is empty.
func (a Answer) JSON(tb testing.TB) Fields {
	tb.Helper()
	if len(a.Body) == 0 {
		return nil
	}
	var v Fields
	if err := json.Unmarshal(a.Body, &v); err != nil {
		tb.Fatalf("the answer %q is no JSON object: %v", a.Body, err)
	}
	return v
}

// WantProblem fails unless the answer is a complete problem with the status and code.
func (a Answer) WantProblem(tb testing.TB, status int, code string) Fields {
	tb.Helper()
	if a.Status != status || a.Header.Get("Content-Type") != problem.MediaType {
		tb.Fatalf("got %d %q %s, want a problem with %d %s", a.Status, a.Header.Get("Content-Type"), a.Body, status, code)
	}
	v := a.JSON(tb)
	if v["code"] != code || v["status"] != float64(status) || v["type"] == "" || v["title"] == "" || v["request_id"] == "" || v["request_id"] == nil {
		tb.Fatalf("got %s, want a complete problem with code %s", a.Body, code)
	}
	return v
}

// Pointers lists where a problem says that something is wrong.
func (a Answer) Pointers(tb testing.TB) []string {
	tb.Helper()
	var out []string
	for _, f := range a.JSON(tb).List("errors") {
		out = append(out, Of(f).Text("pointer"))
	}
	return out
}
