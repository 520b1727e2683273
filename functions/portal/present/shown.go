package present

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"sluice/shared/catalog"
	"sluice/shared/contract"
	"sluice/shared/problem"
)

// maxQuery bounds what is searched for, in bytes.
const maxQuery = 200

// home lists the APIs, or those that a search finds.
func (p *portal) home(w http.ResponseWriter, r *http.Request) error {
	all, err := p.shelf.products(r.Context())
	if err != nil {
		return err
	}
	query := strings.TrimSpace(r.URL.Query().Get("q"))
	if len(query) > maxQuery {
		return problem.New(problem.Invalid, "search for at most %d bytes", maxQuery)
	}
	found := make([]product, 0, len(all))
	for _, x := range all {
		if x.about(query) {
			found = append(found, x)
		}
	}
	return p.render(w, "home.html", view{Title: "APIs", Query: query, Products: found})
}

// api shows one API and its versions.
func (p *portal) api(w http.ResponseWriter, r *http.Request) error {
	x, _, err := p.find(r)
	if err != nil {
		return err
	}
	return p.render(w, "api.html", view{Title: x.API.Name, Product: x})
}

// version shows one version's operations.
func (p *portal) version(w http.ResponseWriter, r *http.Request) error {
	x, v, err := p.find(r)
	if err != nil {
		return err
	}
	chunk, err := p.Source.RevisionChunk(r.Context(), v.API, v.Version, v.Revision, contract.ChunkIndex)
	if err != nil {
		return fmt.Errorf("read operations: %w", err)
	}
	index, err := contract.DecodeIndex(chunk)
	if err != nil {
		return fmt.Errorf("read operations: %w", err)
	}
	return p.render(w, "version.html", view{Title: x.API.Name + " " + string(v.Version), Product: x, Version: v, Operations: index.Operations()})
}

// contract gives the document as it was published, to the byte.
func (p *portal) contract(w http.ResponseWriter, r *http.Request) error {
	_, v, err := p.find(r)
	if err != nil {
		return err
	}
	chunk, err := p.Source.RevisionChunk(r.Context(), v.API, v.Version, v.Revision, contract.ChunkSource)
	if err != nil {
		return fmt.Errorf("read contract: %w", err)
	}
	document, media, err := contract.Source(chunk)
	if err != nil {
		return fmt.Errorf("read contract: %w", err)
	}
	if kind, _, err := mime.ParseMediaType(media); err != nil || kind == "text/html" {
		media = "application/octet-stream" // whatever a contract calls itself, it is no page of ours
	}
	w.Header().Set("ETag", `"`+string(v.Revision)+`"`)
	p.write(w, media, "no-cache", document)
	return nil
}

// find gives the API of the path, and its version if the path has one.
func (p *portal) find(r *http.Request) (*product, *catalog.Version, error) {
	all, err := p.shelf.products(r.Context())
	if err != nil {
		return nil, nil, err
	}
	name, version := r.PathValue("api"), r.PathValue("version")
	for i := range all {
		if string(all[i].API.ID) != name {
			continue
		}
		if version == "" {
			return &all[i], nil, nil
		}
		for j := range all[i].Versions {
			if string(all[i].Versions[j].Version) == version {
				return &all[i], &all[i].Versions[j], nil
			}
		}
	}
	return nil, nil, problem.New(problem.NotFound, "there is no such API")
}

// link is a target of RFC 9264's linkset.
type link struct {
	Href string `json:"href"`
	Type string `json:"type,omitempty"`
}

// linkset is the API catalog of RFC 9727: for each version where it is called, described and documented.
func (p *portal) linkset(w http.ResponseWriter, r *http.Request) error {
	all, err := p.shelf.products(r.Context())
	if err != nil {
		return err
	}
	here := origin(r)
	sets := []map[string]any{}
	for _, x := range all {
		for _, v := range x.Versions {
			page := here + "/apis/" + string(v.API) + "/" + string(v.Version)
			anchor := page
			if p.GatewayURL != "" {
				anchor = strings.TrimSuffix(p.GatewayURL, "/") + "/" + string(v.API) + "/" + string(v.Version)
			}
			sets = append(sets, map[string]any{"anchor": anchor, "service-desc": []link{{Href: page + "/contract"}},
				"service-doc": []link{{Href: page, Type: "text/html"}}})
		}
	}
	body, err := json.Marshal(map[string]any{"linkset": sets})
	if err != nil {
		return err
	}
	w.Header().Set("Link", "<"+here+`/.well-known/api-catalog>; rel="api-catalog"`)
	p.write(w, `application/linkset+json; profile="https://www.rfc-editor.org/info/rfc9727"`, "no-cache", body)
	return nil
}

// origin is where the client called, as far as it told: a linkset's targets must be absolute.
func origin(r *http.Request) string {
	scheme := "https"
	if p := r.Header.Get("X-Forwarded-Proto"); p == "http" {
		scheme = p
	}
	u := url.URL{Scheme: scheme, Host: r.Host}
	return u.String()
}
