// Package present is the developer portal: what anybody may see of the catalog, as pages, documents and the API catalog of
// RFC 9727.
//
// Nobody signs in here, so there is one rule: an API is shown if its audience is public and a version of it is published or
// deprecated; only such versions are shown. Everything else answers as if it were not there.
//
// Pages need no script. They are rendered from a shelf of what is public, read at most once a second however many ask.
package present

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"html/template"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"sluice/shared/catalog"
	"sluice/shared/contract"
	"sluice/shared/gatewayevent"
	"sluice/shared/problem"
)

//go:embed pages
var files embed.FS

// policyHeader lets a page load its own style sheet and nothing else, and be framed by nobody.
const policyHeader = "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// Source is where the catalog is read. What is not there is problem.NotFound.
type Source interface {
	APIs(ctx context.Context, cursor string) (catalog.Page[catalog.API], error)
	Versions(ctx context.Context, api catalog.APIID) ([]catalog.Version, error)
	Team(ctx context.Context, id catalog.TeamID) (catalog.Team, error)
	RevisionChunk(ctx context.Context, api catalog.APIID, v catalog.VersionID, r catalog.RevisionID, name string) ([]byte, error)
}

// Deps is what a portal works with.
type Deps struct {
	Source     Source
	GatewayURL string // where consumers call; "" if it is not known
	Now        func() time.Time
	Log        *slog.Logger
}

// portal serves the pages.
type portal struct {
	Deps
	shelf *shelf
	pages *template.Template
	style []byte
	mux   *http.ServeMux
}

// New makes the portal's handler; gatewayevent.Handler puts it behind a Lambda function.
func New(d Deps) (http.Handler, error) {
	pages, err := template.ParseFS(files, "pages/*.html")
	if err != nil {
		return nil, err
	}
	style, err := files.ReadFile("pages/style.css")
	if err != nil {
		return nil, err
	}
	p := &portal{Deps: d, shelf: newShelf(d.Source, d.Now), pages: pages, style: style, mux: http.NewServeMux()}
	p.mux.HandleFunc("GET /{$}", p.page(p.home))
	p.mux.HandleFunc("GET /apis/{api}", p.page(p.api))
	p.mux.HandleFunc("GET /apis/{api}/{version}", p.page(p.version))
	p.mux.HandleFunc("GET /apis/{api}/{version}/contract", p.page(p.contract))
	p.mux.HandleFunc("GET /.well-known/api-catalog", p.page(p.linkset))
	p.mux.HandleFunc("GET /style.css", func(w http.ResponseWriter, _ *http.Request) {
		p.write(w, "text/css; charset=utf-8", "public, max-age=3600", p.style)
	})
	return p, nil
}

// ServeHTTP answers with a page, a document, or a problem.
func (p *portal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policyHeader)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	if _, pattern := p.mux.Handler(r); pattern != "" {
		p.mux.ServeHTTP(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		p.fail(w, r, problem.New(problem.MethodNotAllowed, "the portal only reads"))
		return
	}
	p.fail(w, r, problem.New(problem.NotFound, "there is no such page"))
}

// page runs one page and tells of its failure.
func (p *portal) page(show func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := show(w, r); err != nil {
			p.fail(w, r, err)
		}
	}
}

// fail answers with a page where a person asks, and with a problem where a program does.
func (p *portal) fail(w http.ResponseWriter, r *http.Request, err error) {
	e, _ := gatewayevent.RequestFrom(r.Context())
	d := problem.Of(err, e.RequestContext.RequestID)
	if d.Status >= http.StatusInternalServerError {
		p.Log.ErrorContext(r.Context(), "page", "request_id", d.RequestID, "status", d.Status, "error", err)
	}
	var body []byte
	media := problem.MediaType
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		var b bytes.Buffer
		if p.pages.ExecuteTemplate(&b, "failure.html", view{Title: d.Title, Failure: &d}) == nil {
			body, media = b.Bytes(), "text/html; charset=utf-8"
		}
	}
	if body == nil {
		body, _ = json.Marshal(d) // texts and numbers only
	}
	w.Header().Set("Content-Type", media)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(d.Status)
	_, _ = w.Write(body) // #nosec G705 -- escaped by html/template, or JSON that is never sniffed
}

// write answers with content.
func (p *portal) write(w http.ResponseWriter, media, cache string, body []byte) {
	w.Header().Set("Content-Type", media)
	w.Header().Set("Cache-Control", cache)
	_, _ = w.Write(body) // #nosec G705 -- escaped by html/template, or never sniffed
}

// view is what the templates see. Each page fills in its own part.
type view struct {
	Title      string
	Query      string
	GatewayURL string
	Products   []product
	Product    *product
	Version    *catalog.Version
	Operations []contract.Operation
	Failure    *problem.Document
}

func (p *portal) render(w http.ResponseWriter, name string, v view) error {
	v.GatewayURL = strings.TrimSuffix(p.GatewayURL, "/")
	var b bytes.Buffer
	if err := p.pages.ExecuteTemplate(&b, name, v); err != nil {
		return err
	}
	p.write(w, "text/html; charset=utf-8", "no-cache", b.Bytes())
	return nil
}
