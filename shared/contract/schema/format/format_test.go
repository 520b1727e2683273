package format_test

import (
	"strings"
	"testing"

	"sluice/shared/contract/schema/format"
)

func TestEachFormatTakesWhatItsStandardSays(t *testing.T) {
	label := strings.Repeat("a", 63)
	for name, c := range map[string]struct{ yes, no []string }{
		"date-time": {[]string{"2026-11-24T03:00:00Z", "2024-02-29t23:59:60z", "1990-12-31T15:59:60.123-08:00", "0000-01-01T00:00:00+23:59"},
			[]string{"2026-11-24", "2026-11-24 03:00:00Z", "2026-02-29T00:00:00Z", "2026-11-24T03:00:00", "2026-11-24T24:00:00Z", "2026-11-24T12:00:60Z", "2026-11-24T03:00:00.Z", "২026-11-24T03:00:00Z"}},
		"date":          {[]string{"2000-02-29", "2026-12-31"}, []string{"1900-02-29", "2026-13-01", "2026-00-10", "2026-1-1", "20261224", "2026-11-31", "2026-11-24 "}},
		"time":          {[]string{"00:00:00Z", "23:59:59.999999+05:30", "01:29:60+01:30"}, []string{"00:00:00", "24:00:00Z", "00:60:00Z", "00:00:61Z", "1:00:00Z", "00:00:00+24:00", "00:00:00+0100", "22:59:60Z"}},
		"duration":      {[]string{"P1Y2M3D", "PT1H", "P1DT12H", "P4W", "PT36H1M", "P0D", "P1Y2MT3M4S"}, []string{"", "P", "PT", "P1", "1D", "P1W2D", "P1D2Y", "PT1D", "P1YT", "P1Y3D", "P-1D", "PT1.5S", "p1d"}},
		"email":         {[]string{"a@b", "a.b+c@example.com", `"a b"@example.com`, "a@[192.0.2.1]", "a@[IPv6:2001:db8::1]"}, []string{"a", "@b", "a@", "a..b@c", ".a@c", "a@b@c", "a@-b", "a@[1.2.3]", "ä@b", `"a"b@c`, "a b@c", strings.Repeat("a", 65) + "@b"}},
		"uuid":          {[]string{"2fd3ad6b-1c1f-4b3f-8b1e-0D1F2A3B4C5D", "00000000-0000-0000-0000-000000000000"}, []string{"2fd3ad6b1c1f4b3f8b1e0d1f2a3b4c5d", "2fd3ad6b-1c1f-4b3f-8b1e-0d1f2a3b4c5", "gfd3ad6b-1c1f-4b3f-8b1e-0d1f2a3b4c5d", "2fd3ad6b-1c1f-4b3f8-b1e-0d1f2a3b4c5d"}},
		"uri":           {[]string{"https://u:p@example.com:8443/a/b?c=d&e#f", "urn:a:b", "mailto:a@b", "http://[2001:db8::1]:80/", "http://[v1.a:b]/", "a:", "file:///x", "a://%41/"}, []string{"", "/a", "a", "//a/b", "http://a b", "http://a/%4", "http://a/<b>", "http://[::1", "http://[1]/", "http://a:b/", "1a:b", "a:[b]", "a:b#c#d", "http://ä/", `a:\b`}},
		"uri-reference": {[]string{"", "/a", "a/b:c", "//a/b", "?a", "#b", "../x", "a:b"}, []string{"1:b", "a b", "#a#b", "%", "a[b]", "//[::1"}},
		"hostname":      {[]string{"a", "a-b.example", "1.2", label + ".a"}, []string{"", "a.", ".a", "-a", "a-", "a_b", label + "a", strings.Repeat(label+".", 4) + "a", "ä.a", "a b"}},
		"ipv4":          {[]string{"192.0.2.1", "0.0.0.0", "255.255.255.255"}, []string{"256.0.0.1", "1.2.3", "01.2.3.4", "1.2.3.4.5", "::1", "0x1.2.3.4", "1.2.3.4 "}},
		"ipv6":          {[]string{"::", "2001:db8::1", "::ffff:192.0.2.1", "1:2:3:4:5:6:7:8"}, []string{"1.2.3.4", "fe80::1%eth0", "1::2::3", "12345::", ":", "[::1]"}},
		"byte":          {[]string{"", "YQ==", "YWI=", "YWJj", "a+/b", "a-_b", "-_A"}, []string{"YQ=", "YQ", "Y===", "a b=", "+-AA", "=", "YQ==\n", "_AAAA"}},
		"base64":        {[]string{"YQ=="}, []string{"Y"}},
		"regex":         {[]string{"^a+$", "(?=a)b", `\p{L}`, ""}, []string{"(", "a**", `\z`, "(?i)a"}},
		"json-pointer":  {[]string{"", "/", "/a/0/~0~1", "/ä"}, []string{"a", "/~", "/~2", "#/a"}},
	} {
		t.Run(name, func(t *testing.T) {
			if !format.Asserted(name) {
				t.Fatal("it is not asserted")
			}
			for _, text := range c.yes {
				if !format.Holds(name, []byte(text)) {
					t.Errorf("%q is refused", text)
				}
			}
			for _, text := range c.no {
				if format.Holds(name, []byte(text)) {
					t.Errorf("%q is taken", text)
				}
			}
		})
	}
	if format.Asserted("password") || !format.Holds("password", []byte("x")) {
		t.Error("a format that is a note only is asserted")
	}
}

func FuzzNoTextStopsAFormat(f *testing.F) {
	for _, s := range []string{"2026-11-24T03:00:00Z", "P1YT", "a@[", "http://[", "00:00:00.", "[", "=", "/~"} {
		f.Add(s)
	}
	f.Fuzz(func(_ *testing.T, text string) {
		for _, name := range []string{"date-time", "date", "time", "duration", "email", "uuid", "uri", "uri-reference", "hostname", "ipv4", "ipv6", "byte", "regex", "json-pointer"} {
			format.Holds(name, []byte(text))
		}
	})
}
