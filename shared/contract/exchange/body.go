package exchange

import (
	"strings"

	"sluice/shared/contract/exchange/body"
	"sluice/shared/contract/exchange/media"
)

// body judges the body of a call.
func (w *work) body(r *Request) {
	declared := w.op.schemas.Description().Body
	t, ok := media.Type{Main: "application", Sub: "octet-stream"}, true
	if r.ContentType != "" {
		t, ok = media.Parse(r.ContentType)
	}
	kind := body.KindOf(t)
	there := len(r.Body) > 0 || r.ContentType != "" && (kind == body.Form || kind == body.Text || kind == body.Bytes)
	switch {
	case declared == nil:
		if len(r.Body) > 0 && w.options.RefuseMedia {
			w.fault(Fault{InBody, "", "", MediaType, "no body"})
		}
		return
	case !there && declared.Required:
		w.fault(Fault{InBody, "", "", Missing, "a body"})
		return
	case !there:
		return
	case !ok || t.Main == "*" || strings.HasPrefix(t.Sub, "*"):
		w.fault(Fault{InBody, "", "", MediaType, "a media type"})
		return
	}
	c := body.Choose(w.op.bodies, t)
	if c == nil {
		if w.options.RefuseMedia && len(declared.Contents) > 0 {
			w.fault(Fault{InBody, "", "", MediaType, listed(w.op.bodies)})
		}
		return
	}
	w.mark(c.Element)
	w.result.Content = c.Content
	result := w.reader.Judge(c, t, r.Body, w.valueOptions())
	w.faults(InBody, "", &result)
	w.result.Body, w.result.Removed = result.Body, result.Removed
}

// listed names the media types of a body.
func listed(list []body.Content) string {
	types := make([]media.Type, 0, len(list))
	for i := range list {
		types = append(types, list[i].Type)
	}
	return media.List(types)
}
