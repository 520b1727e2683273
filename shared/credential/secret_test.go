package credential_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"text/template"
	"time"

	"sluice/shared/catalog"
	"sluice/shared/credential"
)

// holder has a secret where fmt may call methods and where it may not.
type holder struct {
	Open   credential.Secret
	hidden credential.Secret
	ptr    *credential.Secret
	list   []credential.Secret
	byName map[string]credential.Secret
}

func TestASecretPrintsNowhere(t *testing.T) {
	secret := mint(t, credential.KeyPrefix)
	text := secret.Reveal()
	h := holder{secret, secret, &secret, []credential.Secret{secret}, map[string]credential.Secret{"a": secret}}
	values := map[string]any{"a secret": secret, "a pointer": &secret, "a struct": h, "a pointer to a struct": &h, "a list": h.list,
		"a map": h.byName, "an interface": any(secret), "what was presented": credential.Presented{Secret: secret, Prefix: "slk_"}}
	for name, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%b", "%c", "%U", "%e", "%t", "%o", "%p", "%T", "%10.3s"} {
			if out := fmt.Sprintf(verb, v); leaks(out, text) {
				t.Errorf("%s prints through %s as %s", name, verb, out)
			}
		}
		for how, out := range map[string]string{
			"Sprint": fmt.Sprint(v), "Sprintln": fmt.Sprintln(v), "an error": fmt.Errorf("find key: %v", v).Error(),
			"JSON": encoded(json.Marshal(v)), "XML": encoded(xml.Marshal(v)),
			"a JSON log": logged(func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) }, v),
			"a text log": logged(func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) }, v),
			"a template": rendered(t, v),
		} {
			if leaks(out, text) {
				t.Errorf("%s prints through %s as %s", name, how, out)
			}
		}
	}
	if kind := slog.AnyValue(secret).Resolve().Kind(); kind != slog.KindString {
		t.Errorf("a handler gets a %s, want a text", kind)
	}
	for how, out := range map[string]string{"%v": fmt.Sprintf("%v", secret), "%s": fmt.Sprintf("%s", secret), "%+v": fmt.Sprintf("%+v", secret),
		"%#v": fmt.Sprintf("%#v", secret), "%q": fmt.Sprintf("%q", secret), "String": secret.String(), "a template": rendered(t, secret),
		"a log":                  strings.Split(logged(func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) }, secret), "x=")[1],
		"a handler of one's own": slog.AnyValue(secret).Resolve().String(), "a JSON": strings.Trim(encoded(json.Marshal(secret)), `"`)} {
		if out != "[redacted]" {
			t.Errorf("a secret prints through %s as %q, want [redacted]", how, out)
		}
	}
}

// leaks reports whether four characters of the secret behind its prefix are in the output, as text, hex or decimal bytes.
func leaks(out, text string) bool {
	part := text[4:8]
	return strings.Contains(out, part) || strings.Contains(strings.ToLower(out), fmt.Sprintf("%x", part)) ||
		strings.Contains(out, strings.Trim(fmt.Sprint([]byte(part)), "[]"))
}

func encoded(b []byte, err error) string {
	return strings.TrimSpace(string(b) + fmt.Sprint(errText(err)))
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func logged(handler func(*bytes.Buffer) slog.Handler, v any) string {
	var b bytes.Buffer
	slog.New(handler(&b)).Info("m", "x", v)
	return strings.TrimSpace(b.String())
}

func rendered(t *testing.T, v any) string {
	t.Helper()
	var b bytes.Buffer
	if err := template.Must(template.New("").Parse("{{.}}")).Execute(&b, v); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestJudge(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	at := func(d time.Duration) *time.Time { x := now.Add(d); return &x }
	for name, c := range map[string]struct {
		credential catalog.Credential
		want       credential.Standing
	}{
		"without an expiry it is usable":                {catalog.Credential{}, credential.Usable},
		"a nanosecond before its expiry it is usable":   {catalog.Credential{Expires: at(1)}, credential.Usable},
		"at its expiry it has expired":                  {catalog.Credential{Expires: at(0)}, credential.Expired},
		"after its expiry it has expired":               {catalog.Credential{Expires: at(-time.Hour)}, credential.Expired},
		"an expiry at the zero time has passed":         {catalog.Credential{Expires: &time.Time{}}, credential.Expired},
		"the zone of the expiry does not matter":        {catalog.Credential{Expires: in(at(1), "X", 7200)}, credential.Usable},
		"once revoked it is revoked":                    {catalog.Credential{Revoked: at(-1)}, credential.Revoked},
		"a revocation by a faster clock holds at once":  {catalog.Credential{Revoked: at(500 * time.Millisecond)}, credential.Revoked},
		"a revocation at the zero time is one":          {catalog.Credential{Revoked: &time.Time{}}, credential.Revoked},
		"revoked before its expiry it is revoked":       {catalog.Credential{Revoked: at(-1), Expires: at(1)}, credential.Revoked},
		"what is revoked and expired is revoked":        {catalog.Credential{Revoked: at(-1), Expires: at(-2)}, credential.Revoked},
		"what expired first and was revoked is revoked": {catalog.Credential{Revoked: at(-1), Expires: at(-9)}, credential.Revoked},
	} {
		t.Run(name, func(t *testing.T) {
			if got := credential.Judge(c.credential, now); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func in(at *time.Time, zone string, offset int) *time.Time {
	x := at.In(time.FixedZone(zone, offset))
	return &x
}

func TestAStandingThatNobodyJudgedIsNotUsable(t *testing.T) {
	var s credential.Standing
	if s == credential.Usable || s.String() != "unknown" {
		t.Errorf("the zero standing is %s", s)
	}
}
