package resource

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"sluice/shared/decision"
	"sluice/shared/problem"
)

// write answers with what an operation gave.
func write(w http.ResponseWriter, r *http.Request, o *operation, reply *Reply) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	for name, value := range map[string]string{"ETag": reply.ETag, "Location": reply.Location} {
		if value != "" {
			h.Set(name, value)
		}
	}
	if reply.replayed {
		h.Set("Idempotency-Replayed", "true")
	}
	if o.Conditional == IfNoneMatch {
		h.Set("Cache-Control", "private, no-cache")
		if !reply.fresh {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	if reply.Raw == nil {
		w.WriteHeader(reply.Status)
		return
	}
	h.Set("Content-Type", reply.Media)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(reply.Raw)))
	w.WriteHeader(reply.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(reply.Raw) // #nosec G705 -- JSON or a contract, never sniffed; a caller who has gone need not know
	}
}

// encode writes a body as JSON: one line, no HTML escapes.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("write answer: %w", err)
	}
	return b.Bytes(), nil
}

// writeProblem answers with a problem.
func writeProblem(w http.ResponseWriter, d problem.Document) {
	body, err := json.Marshal(d)
	if err != nil { // an Extra that cannot be written: the fixed members always can
		d.Extra = nil
		body, _ = json.Marshal(d)
	}
	h := w.Header()
	h.Del("ETag")
	h.Del("Location")
	h.Set("Content-Type", problem.MediaType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if d.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", challenge(d.Code))
	}
	w.WriteHeader(d.Status)
	_, _ = w.Write(body) // the caller has gone: nobody to tell
}

// challenge tells how to authenticate (RFC 6750 §3): without an error where nothing was sent.
func challenge(code string) string {
	if code == string(decision.CredentialMissing) {
		return `Bearer realm="sluice"`
	}
	return `Bearer realm="sluice", error="invalid_token"`
}

// refuseCall renders the authorizer's refusal.
func refuseCall(w http.ResponseWriter, d *decision.Decision, id string) {
	doc := d.Refusal.Document(id)
	if d.Refusal.Code == decision.CredentialMissing {
		doc.Extra["fix"] = "Send an admin key: Authorization: Bearer sla_…"
	}
	if len(d.Refusal.Allow) > 0 {
		w.Header().Set("Allow", strings.Join(d.Refusal.Allow, ", "))
	}
	if doc.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	writeProblem(w, doc)
}

func joinAllow(h http.Header, methods []string) { h.Set("Allow", strings.Join(methods, ", ")) }
