package telemetry_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"sluice/shared/telemetry"
)

const key = "slk_0123456789abcdefghijABCDEFGHIJ01234567"

func TestNoSecretReachesALog(t *testing.T) {
	for name, attr := range map[string]slog.Attr{
		"in a text":                      slog.String("detail", "the key "+key+" is bad"),
		"in an error":                    slog.Any("error", errors.New("parse "+key)),
		"under a name that says it":      slog.String("Authorization", "Bearer abc.def.ghi"),
		"inside a group":                 slog.Group("request", slog.String("x-api-key", key)),
		"a number under a secret's name": slog.Int("token", 12345678),
		"a cookie":                       slog.String("set-cookie", "session=abc.def.ghi"),
		"an admin key":                   slog.String("detail", "sla_0123456789abcdefghijABCDEFGHIJ"),
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			telemetry.New(&out, slog.LevelInfo).Info("call", attr)
			for _, secret := range []string{"0123456789abcdefghij", "abc.def.ghi", "12345678"} {
				if strings.Contains(out.String(), secret) {
					t.Errorf("the log has it: %s", out.String())
				}
			}
			if !strings.Contains(out.String(), telemetry.Redacted) {
				t.Errorf("nothing was redacted in %s", out.String())
			}
		})
	}
}

func TestWhatIsNoSecretStaysReadable(t *testing.T) {
	var out bytes.Buffer
	telemetry.New(&out, slog.LevelInfo).Info("call", "api", "orders", "status", 200, "key", "0b2f")
	for _, want := range []string{`"api":"orders"`, `"status":200`, `"key":"0b2f"`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s lacks %s", out.String(), want)
		}
	}
}

func BenchmarkLogLine(b *testing.B) {
	log := telemetry.New(&bytes.Buffer{}, slog.LevelInfo)
	b.ReportAllocs()
	for b.Loop() {
		log.Info("call", "api", "orders", "version", "v1", "operation", "getOrder", "app", "shop", "status", 200, "ms", 12.5)
	}
}
