package telemetry

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"
)

// handler writes the lines that calls are logged with, in one pass: texts in printable ASCII without a secret, numbers and
// booleans. Any other record is left as a whole to slog's own handler, which redacts, so that there is one way to do that.
// Both write the same bytes.
type handler struct {
	slog.Handler        // slog's own, on the same writer
	fixed        []byte // attributes of every record, each with a comma before it
	out          *lines
}

// lines is where lines go, one Write each.
type lines struct {
	mu      sync.Mutex
	w       io.Writer
	buffers sync.Pool // of *[]byte
}

// Write writes one line.
func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

func newHandler(w io.Writer, level slog.Leveler) *handler {
	out := &lines{w: w, buffers: sync.Pool{New: func() any { b := make([]byte, 0, 768); return &b }}}
	return &handler{Handler: slog.NewJSONHandler(out, &slog.HandlerOptions{Level: level, ReplaceAttr: redact}), out: out}
}

// Handle writes a record.
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	buffer, _ := h.out.buffers.Get().(*[]byte) // nothing else is ever put there
	defer h.out.buffers.Put(buffer)
	b, ok := h.line((*buffer)[:0], &r)
	*buffer = b[:0]
	if !ok {
		return h.Handler.Handle(ctx, r)
	}
	_, err := h.out.Write(b)
	return err
}

// line appends a record's line. False says that slog has to write it.
func (h *handler) line(b []byte, r *slog.Record) (line []byte, ok bool) {
	if year := r.Time.Year(); r.Time.IsZero() || year < 0 || year > 9999 {
		return b, false
	}
	b = append(b, `{"time":"`...)
	b = r.Time.AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","level":"`...)
	b = append(b, r.Level.String()...)
	b = append(b, `","msg":`...)
	if b, ok = quoted(b, r.Message); !ok {
		return b, false
	}
	b = append(b, h.fixed...)
	r.Attrs(func(a slog.Attr) bool {
		b, ok = attribute(b, a)
		return ok
	})
	return append(b, "}\n"...), ok
}

// attribute appends a comma, a name and a value.
func attribute(b []byte, a slog.Attr) (more []byte, ok bool) {
	if a.Key == "" || holdsSecret(a.Key) {
		return b, false
	}
	if b, ok = quoted(append(b, ','), a.Key); !ok {
		return b, false
	}
	b = append(b, ':')
	switch a.Value.Kind() { //nolint:exhaustive // the others are slog's
	case slog.KindString:
		return quoted(b, a.Value.String())
	case slog.KindInt64:
		return strconv.AppendInt(b, a.Value.Int64(), 10), true
	case slog.KindBool:
		return strconv.AppendBool(b, a.Value.Bool()), true
	}
	return b, false
}

// quoted appends a text in quotes, if it needs no escape and has nothing in it that begins like a key of ours.
func quoted(b []byte, s string) (more []byte, ok bool) {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ' || c > '~' || c == '"' || c == '\\':
			return b, false
		case c == '_' && i >= 3 && (s[i-3:i] == "slk" || s[i-3:i] == "sla"):
			return b, false
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"'), true
}

// WithAttrs makes a handler whose records all have these attributes.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	own := h.Handler.WithAttrs(attrs)
	fixed, ok := slices.Clip(h.fixed), true
	for _, a := range attrs {
		if fixed, ok = attribute(fixed, a); !ok {
			return own
		}
	}
	return &handler{Handler: own, fixed: fixed, out: h.out}
}

// WithGroup makes a handler that puts attributes into a group; slog's own does.
func (h *handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return h.Handler.WithGroup(name)
}
