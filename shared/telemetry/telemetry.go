// Package telemetry writes what operators see: one structured log event per request, with redaction.
//
// Logs are JSON lines on standard output, which Lambda ships. Nothing in them is a secret (promise 7): attributes whose
// name says that they hold one are replaced, and so is anything that looks like a Sluice key, wherever it stands.
package telemetry

import (
	"context"
	"io"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Redacted replaces a secret in a log.
const Redacted = "[redacted]"

// secretNames are parts of attribute names that hold secrets.
var secretNames = []string{"secret", "password", "token", "authorization", "api_key", "apikey", "api-key", "cookie", "credential"}

// secretShape is a key of ours in the midst of a text. The two prefixes are all that is ever kept of one.
var secretShape = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\b(sl[ka]_)[0-9A-Za-z_-]{8,}`) })

// New makes the logger of a process.
func New(w io.Writer, level slog.Leveler) *slog.Logger {
	return slog.New(newHandler(w, level))
}

// Log logs a line without looking for who called: no line of ours names a source line, and looking costs more than writing.
func Log(ctx context.Context, log *slog.Logger, level slog.Level, message string, attrs ...slog.Attr) {
	h := log.Handler()
	if !h.Enabled(ctx, level) {
		return
	}
	r := slog.NewRecord(time.Now(), level, message, 0)
	r.AddAttrs(attrs...)
	_ = h.Handle(ctx, r) // as slog does: a line that cannot be written cannot be reported either
}

func redact(_ []string, a slog.Attr) slog.Attr {
	if holdsSecret(a.Key) {
		return slog.String(a.Key, Redacted)
	}
	switch a.Value.Kind() {
	case slog.KindString:
		return scrub(a, a.Value.String())
	case slog.KindAny:
		if err, ok := a.Value.Any().(error); ok {
			return slog.String(a.Key, secretShape().ReplaceAllString(err.Error(), "${1}"+Redacted))
		}
	default: // numbers, times, booleans and groups hold no text; a group's members come one by one
	}
	return a
}

// plain are the names that almost every line has. They are looked up, since every attribute of every call comes by here.
var plain = map[string]bool{"time": true, "level": true, "msg": true, "request_id": true, "method": true, "status": true, "refusal": true,
	"api": true, "version": true, "operation": true, "consumer": true, "app": true, "key": true, "duration_us": true, "upstream_us": true,
	"bytes_in": true, "bytes_out": true, "environment": true, "function": true, "instance": true, "plane": true, "outcome": true, "source": true}

func holdsSecret(name string) bool {
	if plain[name] {
		return false
	}
	name = strings.ToLower(name)
	for _, s := range secretNames {
		if strings.Contains(name, s) {
			return true
		}
	}
	return false
}

// scrub copies only when there is something to hide: almost no log line has a key in it.
func scrub(a slog.Attr, s string) slog.Attr {
	if !strings.Contains(s, "slk_") && !strings.Contains(s, "sla_") {
		return a
	}
	return slog.String(a.Key, secretShape().ReplaceAllString(s, "${1}"+Redacted))
}

// AppendText adds a text attribute that is left out where it is empty.
func AppendText(attrs []slog.Attr, key, value string) []slog.Attr {
	if value == "" {
		return attrs
	}
	return append(attrs, slog.String(key, value))
}
