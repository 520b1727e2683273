package replay_test

import (
	"net/http"
	"strings"
	"testing"

	"sluice/functions/proxy/replay"
	"sluice/shared/catalog"
	"sluice/shared/decision"
)

func TestKeysAreReadAsTheyAreSent(t *testing.T) {
	for field, want := range map[string]string{
		`"8e03978e-40d5-43dc-bc93-6894a57f9324"`:  "8e03978e-40d5-43dc-bc93-6894a57f9324",
		`8e03978e-40d5-43dc-bc93-6894a57f9324`:    "8e03978e-40d5-43dc-bc93-6894a57f9324",
		`  "a b, c; d"` + "\t":                    "a b, c; d",
		`"say \"hi\" \\"`:                         `say "hi" \`,
		`dGVzdA==/+`:                              `dGVzdA==/+`,
		`"` + strings.Repeat("x", 255) + `"`:      strings.Repeat("x", 255),
		strings.Repeat("x", 255):                  strings.Repeat("x", 255),
		`"` + strings.Repeat(`\"`, 255) + `"`:     strings.Repeat(`"`, 255),
		`ch_1:2@{order}`:                          `ch_1:2@{order}`,
		` ` + `urn:uuid:6e8bc430-9c3a-11d9-9669 `: `urn:uuid:6e8bc430-9c3a-11d9-9669`,
	} {
		if got, fault := replay.ParseKey(field); got != want || fault != "" {
			t.Errorf("%q is %q, fault %q", field, got, fault)
		}
	}
}

func TestABadKeyIsToldApart(t *testing.T) {
	for field, want := range map[string]string{
		``:                                   "empty",
		`""`:                                 "empty",
		`  `:                                 "empty",
		`,`:                                  "more than once",
		`"a", "b"`:                           "more than once",
		`"a","a"`:                            "more than once",
		`a,b`:                                "more than once",
		`a, `:                                "more than once",
		`"a";v=1`:                            "parameters",
		`a;b`:                                "parameters",
		`"a`:                                 "closing quote",
		`"`:                                  "closing quote",
		`"a\`:                                "backslash",
		`"a\n"`:                              "backslash",
		"\"a\tb\"":                           "not visible",
		`"é"`:                                "not visible",
		"\"\x7f\"":                           "not visible",
		`é`:                                  "RFC 9651",
		`a b`:                                "RFC 9651",
		`a"b"`:                               "RFC 9651",
		`"a"b`:                               "RFC 9651",
		`a\b`:                                "RFC 9651",
		`"` + strings.Repeat("x", 256) + `"`: "255",
		strings.Repeat("x", 256):             "255",
		`"` + strings.Repeat("x", 100_000) + `",`: "more than once",
	} {
		key, fault := replay.ParseKey(field)
		if key != "" || !strings.Contains(fault, want) {
			t.Errorf("%.40q is %q, fault %q", field, key, fault)
		}
		no := refused(t, instance(newShelf()), post(field))
		if no.Code != decision.InvalidRequest || no.Code.Status() != http.StatusBadRequest || len(no.Faults) != 1 || no.Faults[0].Pointer != "header:Idempotency-Key" {
			t.Errorf("%.40q is refused with %s %v", field, no.Code, no.Faults)
		}
	}
}

func TestAMissingKeyIsRefusedWhereOneIsRequired(t *testing.T) {
	for _, method := range []string{http.MethodPost, http.MethodPatch} {
		no := refused(t, instance(newShelf()), post("", func(c *replay.Call) {
			delete(c.Header, "idempotency-key")
			c.Method, c.Target.Upstream.Idempotency = method, catalog.IdempotencyRequire
		}))
		if no.Code != decision.InvalidRequest || no.Faults[0].Pointer != "header:Idempotency-Key" || !strings.Contains(no.Faults[0].Detail, "missing") {
			t.Errorf("%s: %s %v", method, no.Code, no.Faults)
		}
	}
}

func FuzzParseKey(f *testing.F) {
	for _, seed := range []string{`"a"`, `a`, `"\""`, `a,b`, `"a";b`, ``, `"`, "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, field string) {
		key, fault := replay.ParseKey(field)
		if (key == "") != (fault != "") || len(key) > replay.MaxKey {
			t.Fatalf("%q: key %q, fault %q", field, key, fault)
		}
		if fault != "" {
			return
		}
		written := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(key) + `"`
		if again, fault := replay.ParseKey(written); again != key || fault != "" {
			t.Fatalf("%q is %q, which is written %q and read as %q, %q", field, key, written, again, fault)
		}
	})
}
