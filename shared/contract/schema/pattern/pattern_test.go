package pattern_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/dlclark/regexp2"

	"sluice/shared/contract/schema/pattern"
)

// match translates and runs an expression.
func match(t testing.TB, expression, text string) bool {
	t.Helper()
	translated, why := pattern.Translate(expression)
	if why != "" {
		t.Fatalf("%s: %s", expression, why)
	}
	e, err := pattern.Compile(translated)
	if err != nil {
		t.Fatalf("%s became %s: %v", expression, translated, err)
	}
	return e.Match([]byte(text))
}

func TestAnExpressionMatchesWhatECMAScriptSays(t *testing.T) {
	for name, c := range map[string]struct {
		expression string
		yes, no    []string
	}{
		"it may match anywhere":                         {`b+`, []string{"abc", "b"}, []string{"ac", ""}},
		"the dollar is the end of the text":             {`^a$`, []string{"a"}, []string{"a\n", "\na", "aa"}},
		"the dot is no line end of any kind":            {`^.$`, []string{"a", "é", "😀"}, []string{"\n", "\r", "\u2028", "\u2029", "ab"}},
		"white space is that of Unicode":                {`^\s$`, []string{" ", "\v", "\u00a0", "\ufeff", "\u2003"}, []string{"\u200b", "a"}},
		"no white space is the rest":                    {`^[\S]$`, []string{"\u200b", "a", "\x00"}, []string{" ", "\v", "\u00a0", "\ufeff"}},
		"digits and words are those of ASCII":           {`^\d\w$`, []string{"1_"}, []string{"٣a", "1é"}},
		"escapes are those of JavaScript":               {`^\u0041\x42\u{1F600}\uD83D\uDE00\cA\0\/\-$`, []string{"AB😀😀\x01\x00/-"}, []string{"AB"}},
		"a class may have brackets and be empty":        {`^[[\]][^]$`, []string{"[x", "]\n"}, []string{"x", "[["[:1]}},
		"a class without members matches nothing":       {`a[]|b`, []string{"b"}, []string{"a", "aa"}},
		"a dash at an end or by a set is a dash":        {`^[\w-.]+[-a]$`, []string{"a-.-", "._a"}, []string{"a+a"}},
		"a brace that counts nothing is a brace":        {`^a{x}{2,3}$`, []string{"a{x}}", "a{x}}}"}, []string{"a{x}"}},
		"backspace in a class":                          {`^[\b]$`, []string{"\b"}, []string{"b"}},
		"named groups are groups":                       {`^(?<year>\d{4})-(?:a|b)$`, []string{"2026-a"}, []string{"2026-c"}},
		"as little as possible matches as much":         {`^a+?b*?c??$`, []string{"aaabc", "a"}, []string{"b"}},
		"properties, with a key or without":             {`^\p{Lu}\p{Letter}\p{Script=Greek}\P{L}$`, []string{"Aaα1"}, []string{"aaα1", "Aaaa"}},
		"more repetitions than the engine has":          {`^(?:ab){1001,2500}$`, []string{strings.Repeat("ab", 1001), strings.Repeat("ab", 2500)}, []string{strings.Repeat("ab", 1000), strings.Repeat("ab", 2501)}},
		"more repetitions of a class":                   {`^[a-z]{0,2048}$`, []string{"", strings.Repeat("z", 2048)}, []string{strings.Repeat("z", 2049), "A"}},
		"at least more than the engine has":             {`^x{1500,}$`, []string{strings.Repeat("x", 1500), strings.Repeat("x", 4000)}, []string{strings.Repeat("x", 1499)}},
		"a row of classes":                              {`^AC[0-9a-f]{4}-?[G-Z]+$`, []string{"AC09af-G", "AC09afZZ"}, []string{"AC09afa", "AC09af-", "AC09a-G", "AC09af-Ga"}},
		"a row without an end":                          {`^a[bc]*`, []string{"a", "abcx", "ax"}, []string{"b", ""}},
		"a class of what is not":                        {`^[^/]+/[^/]*$`, []string{"a/", "é😀/x"}, []string{"/a", "a", "a/b/c"}},
		"what could go on in the next is not cut short": {`^[a-z]*z[a-z]?$`, []string{"z", "azz", "abza"}, []string{"abc", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, text := range c.yes {
				if !match(t, c.expression, text) {
					t.Errorf("%s does not match %q", c.expression, text)
				}
			}
			for _, text := range c.no {
				if match(t, c.expression, text) {
					t.Errorf("%s matches %q", c.expression, text)
				}
			}
		})
	}
}

func TestWhatCannotBeExpressedIsSaid(t *testing.T) {
	for name, c := range map[string]struct {
		expression string
		valid      bool
	}{
		"looking ahead":                    {`^(?=.*\d).+$`, true},
		"looking ahead for what is not":    {`^(?!foo)`, true},
		"looking behind":                   {`(?<=a)b(?<!c)`, true},
		"going back":                       {`^(a)\1$`, true},
		"going back by name":               {`^(?<x>a)\k<x>$`, true},
		"half a surrogate pair":            {`^\uD83D$`, true},
		"too many repetitions":             {`a{20000}`, true},
		"flags of Perl":                    {`(?i)abc`, false},
		"flags for a group":                {`(?i:abc)`, false},
		"names of Python":                  {`(?P<a>b)`, false},
		"ends of Perl":                     {`\Aabc\z`, false},
		"an escape that there is not":      {`\a`, false},
		"nothing to repeat":                {`*a`, false},
		"repeated twice":                   {`a++`, false},
		"an open group":                    {`(a`, false},
		"a closing bracket":                {`a)`, false},
		"an open class":                    {`[a`, false},
		"a range the wrong way round":      {`[z-a]`, false},
		"bounds the wrong way round":       {`a{3,2}`, false},
		"a backslash at the end":           {`a\`, false},
		"a property that there is not":     {`\p{Nope}`, true},
		"a script without its key":         {`\p{Greek}`, false},
		"too large when it is written out": {`(?:(?:a{1000}){100}){10}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			if translated, why := pattern.Translate(c.expression); why == "" || translated != "" {
				t.Errorf("%s became %q", c.expression, translated)
			}
			if got := pattern.Valid(c.expression); got != c.valid {
				t.Errorf("%s: valid is %v", c.expression, got)
			}
		})
	}
}

func TestALongTextCostsWhatItsExpressionSays(t *testing.T) {
	simple, _ := pattern.Compile(`^[a-z]{0,1000}[a-z]{0,1000}$`)
	if got := simple.Cost(1000); got != 1000 {
		t.Errorf("a row costs %d for 1000 bytes", got)
	}
	nested, _ := pattern.Compile(`(?:a|b){0,1000}c`)
	if got := nested.Cost(1000); got < 1_000_000 {
		t.Errorf("a thousand alternatives cost %d for 1000 bytes", got)
	}
}

// FuzzExpression holds matches against an engine that goes back, and rows against package regexp.
func FuzzExpression(f *testing.F) {
	for _, e := range []string{`^[a-z]+-\d{2,3}$`, `(a|b)*c`, `[^x\s]{2}`, `\bfoo\B.`, `^AC[0-9a-f]{32}$`, `\u{41}?`, `a{1,2}{3}`, `[\d-z]`} {
		f.Add(e, "abc-123")
		f.Add(e, "AC0123456789abcdef0123456789abcdef")
	}
	f.Fuzz(func(t *testing.T, expression, text string) {
		translated, why := pattern.Translate(expression)
		if why != "" || len(text) > 200 || len(expression) > 100 {
			return
		}
		e, err := pattern.Compile(translated)
		if err != nil {
			t.Fatalf("%q became %q: %v", expression, translated, err)
		}
		clean := strings.ToValidUTF8(text, "")
		got := e.Match([]byte(clean))
		if want := regexp.MustCompile(translated).MatchString(clean); got != want {
			t.Fatalf("%q on %q: %v, package regexp %v", translated, clean, got, want)
		}
		// The oracle counts UTF-16 units in part, has other white space, and takes some braces otherwise.
		if strings.ContainsFunc(expression+clean, func(r rune) bool { return r >= 0x80 }) || strings.ContainsAny(expression, `{}\[$`) {
			return
		}
		oracle, err := regexp2.Compile(expression, regexp2.ECMAScript)
		if err != nil {
			return
		}
		oracle.MatchTimeout = time.Second
		if want, err := oracle.MatchString(clean); err == nil && want != got {
			t.Fatalf("%q on %q: %v, ECMAScript %v", expression, clean, got, want)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	translated, _ := pattern.Translate(`^AC[0-9a-fA-F]{32}$`)
	row, _ := pattern.Compile(translated)
	text := []byte("AC0123456789abcdefABCDEF0123456789")
	b.Run("row", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			row.Match(text)
		}
	})
	engine := regexp.MustCompile(translated)
	b.Run("engine", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			engine.Match(text)
		}
	})
}
