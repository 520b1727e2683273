package credential_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"sluice/shared/credential"
	"sluice/shared/decision"
	"sluice/shared/problem"
)

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

func mint(t testing.TB, prefix credential.Prefix) credential.Secret {
	t.Helper()
	s, err := credential.Mint(rand.Reader, prefix)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// code gives the refusal that an error of this package stands for.
func code(err error) decision.Refusal {
	var e *credential.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

func TestMintedSecretsAreReadBack(t *testing.T) {
	for _, prefix := range []credential.Prefix{credential.KeyPrefix, credential.AdminPrefix} {
		seen := map[string]bool{}
		for range 1000 {
			s := mint(t, prefix)
			text := s.Reveal()
			if len(text) != 42 || !strings.HasPrefix(text, string(prefix)) || strings.Trim(text[4:], base62) != "" || seen[text] {
				t.Fatalf("minted %q", text)
			}
			seen[text] = true
			back, got, err := credential.Parse(text)
			if err != nil || got != prefix || !back.Equal(s) || back.Hash() != s.Hash() {
				t.Fatalf("%q reads as %s, %v", text, got, err)
			}
		}
	}
}

// TestTheFormIsFixed keeps the form of a key: keys that are out there must stay valid.
func TestTheFormIsFixed(t *testing.T) {
	s, err := credential.Mint(bytes.NewReader(make([]byte, 1024)), credential.KeyPrefix)
	if err != nil {
		t.Fatal(err)
	}
	body := "slk_" + strings.Repeat("0", 32)
	sum := ""
	for n, i := crc32.ChecksumIEEE([]byte(body)), 0; i < 6; n, i = n/62, i+1 {
		sum = string(base62[n%62]) + sum
	}
	if s.Reveal() != body+sum {
		t.Errorf("minted %q, want %q", s.Reveal(), body+sum)
	}
	if want := sha256.Sum256([]byte(body + sum)); s.Hash() != hex.EncodeToString(want[:]) {
		t.Errorf("hash %s, want the SHA-256", s.Hash())
	}
	if s.Prefix() != "slk_00000000" {
		t.Errorf("prefix %q, want the first 12 characters", s.Prefix())
	}
}

// TestBytesThatWouldMakeSomeCharactersLikelierAreLeftOut feeds all 256 bytes: each character must come out of exactly four.
func TestBytesThatWouldMakeSomeCharactersLikelierAreLeftOut(t *testing.T) {
	counts := map[byte]int{}
	for b := range 256 {
		s, err := credential.Mint(repeating(b), credential.KeyPrefix)
		if err == nil {
			counts[s.Reveal()[4]]++
		}
	}
	for _, c := range []byte(base62) {
		if counts[c] != 4 {
			t.Errorf("%q comes out of %d bytes, want 4", c, counts[c])
		}
	}
}

// TestEveryCharacterIsAsLikely counts characters; 32,000 of them lie within 6 standard deviations.
func TestEveryCharacterIsAsLikely(t *testing.T) {
	counts := map[rune]int{}
	for range 1000 {
		for _, c := range mint(t, credential.KeyPrefix).Reveal()[4:36] {
			counts[c]++
		}
	}
	for _, c := range base62 {
		if n := counts[c]; n < 380 || n > 652 {
			t.Errorf("%q came %d times; 516 were expected", c, n)
		}
	}
}

func TestMintFailsWithoutRandomness(t *testing.T) {
	for name, source := range map[string]io.Reader{
		"a source that fails":              iotest.ErrReader(io.ErrClosedPipe),
		"a source that ends":               strings.NewReader("too short"),
		"a source that gives only one bit": repeating(0xff),
	} {
		t.Run(name, func(t *testing.T) {
			if s, err := credential.Mint(source, credential.KeyPrefix); !problem.Is(err, problem.Internal) || !s.IsZero() {
				t.Errorf("got %v", err)
			}
		})
	}
	for _, prefix := range []credential.Prefix{"", "slk", "sk_live_", "SLK_"} {
		if _, err := credential.Mint(rand.Reader, prefix); err == nil {
			t.Errorf("prefix %q was minted", prefix)
		}
	}
}

type repeating byte

func (r repeating) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(r)
	}
	return len(p), nil
}

func TestParseRefusesWhatWasNotMinted(t *testing.T) {
	good := mint(t, credential.KeyPrefix).Reveal()
	bad := map[string]string{
		"nothing":                        "",
		"a prefix alone":                 "slk_",
		"a part of a prefix":             "sl",
		"another platform's key":         "sk_live_" + strings.Repeat("a", 34),
		"a prefix in capitals":           "SLK_" + good[4:],
		"a key cut short":                good[:41],
		"a key with one character more":  good + "0",
		"a space before":                 " " + good,
		"a space after":                  good + " ",
		"a line feed after":              good + "\n",
		"a space for a character":        good[:20] + " " + good[21:],
		"a zero byte for a character":    good[:20] + "\x00" + good[21:],
		"a letter that looks alike":      good[:20] + "а" + good[22:],
		"a full-width digit":             good[:20] + "１" + good[23:],
		"broken unicode":                 good[:20] + "\xff\xfe" + good[22:],
		"a dash in the random part":      good[:20] + "-" + good[21:],
		"quotes around":                  `"` + good + `"`,
		"a sum in other characters":      good[:36] + "------",
		"two keys":                       good + good,
		"two keys with a comma":          good + "," + good,
		"an admin key's body":            "slk_" + strings.Repeat("a", 28),
		"an admin key too short":         "sla_" + strings.Repeat("a", 27),
		"an admin key too long":          "sla_" + strings.Repeat("a", 201),
		"an admin key with a space":      "sla_" + strings.Repeat("a", 27) + " ",
		"an admin key with a dot":        "sla_" + strings.Repeat("a", 28) + ".",
		"an admin key with unicode":      "sla_" + strings.Repeat("ä", 20),
		"an admin key with a line break": "sla_" + strings.Repeat("a", 28) + "\n",
		"a token":                        "eyJhbGciOiJub25lIn0.e30.",
		"a megabyte":                     "slk_" + strings.Repeat("a", 1<<20),
	}
	for i := range good { // each single wrong character
		c := byte('0')
		if good[i] == c {
			c = '1'
		}
		bad["a wrong character at "+string(rune('A'+i))] = good[:i] + string(c) + good[i+1:]
	}
	for i := 4; i < len(good)-1; i++ { // each pair of neighbours swapped
		if good[i] != good[i+1] {
			bad["swapped at "+string(rune('A'+i))] = good[:i] + good[i+1:i+2] + good[i:i+1] + good[i+2:]
		}
	}
	for name, text := range bad {
		t.Run(name, func(t *testing.T) {
			s, prefix, err := credential.Parse(text)
			if code(err) != decision.CredentialInvalid || !s.IsZero() || prefix != "" {
				t.Errorf("got %s, %v; want credential_invalid", prefix, err)
			}
			if len(text) > 8 && err != nil && strings.Contains(err.Error(), text) {
				t.Error("the error repeats what was sent")
			}
		})
	}
}

func TestAdminsMayChooseTheirKey(t *testing.T) {
	for _, text := range []string{
		"sla_" + strings.Repeat("a", 28), "sla_" + strings.Repeat("-", 200), "sla_the-quick_brown-fox_JUMPS-over_13_dogs",
	} {
		s, prefix, err := credential.Parse(text)
		if err != nil || prefix != credential.AdminPrefix || s.Reveal() != text {
			t.Errorf("%q: %s, %v", text, prefix, err)
		}
	}
}

func TestParseAndHashAllocateTheSameWhateverTheText(t *testing.T) {
	good := mint(t, credential.KeyPrefix).Reveal()
	if n := testing.AllocsPerRun(200, func() { _, _, _ = credential.Parse(good) }); n > 1 {
		t.Errorf("reading a key allocates %.0f times", n)
	}
	wrongSum := good[:4] + strings.Repeat("0", 38)
	for _, text := range []string{"", good[:41], good[:41] + "!", wrongSum, "sla_", strings.Repeat("x", 1<<20)} {
		if n := testing.AllocsPerRun(200, func() { _, _, _ = credential.Parse(text) }); n > 0 {
			t.Errorf("refusing junk of %d bytes allocates %.0f times", len(text), n)
		}
	}
	s := mint(t, credential.KeyPrefix)
	if n := testing.AllocsPerRun(200, func() { _ = s.Hash() }); n > 1 {
		t.Errorf("hashing allocates %.0f times", n)
	}
}

func TestSecretsCompareByTheirText(t *testing.T) {
	a, b := mint(t, credential.KeyPrefix), mint(t, credential.KeyPrefix)
	again, _, _ := credential.Parse(a.Reveal())
	if !a.Equal(again) || a.Equal(b) || a.Equal(credential.Secret{}) || !(credential.Secret{}).Equal(credential.Secret{}) {
		t.Error("secrets do not compare by their text")
	}
}

// FuzzParse holds that what is read is exactly what was given, and that the form is as documented.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "slk_", mint(f, credential.KeyPrefix).Reveal(), mint(f, credential.AdminPrefix).Reveal(), "sla_" + strings.Repeat("_", 28)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, prefix, err := credential.Parse(text)
		if err != nil {
			if code(err) != decision.CredentialInvalid || !s.IsZero() {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		if s.Reveal() != text || !strings.HasPrefix(text, string(prefix)) || strings.Trim(text, base62+"_-") != "" || len(text) > 204 {
			t.Errorf("%q was read", text)
		}
		if prefix == credential.KeyPrefix && len(text) != 42 {
			t.Errorf("%q was read as a key", text)
		}
	})
}

func BenchmarkParseAndHash(b *testing.B) {
	text := mint(b, credential.KeyPrefix).Reveal()
	b.ReportAllocs()
	for b.Loop() {
		s, _, err := credential.Parse(text)
		if err != nil || s.Hash() == "" {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseJunk(b *testing.B) {
	text := mint(b, credential.KeyPrefix).Reveal()[:41] + "!"
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := credential.Parse(text); err == nil {
			b.Fatal("junk was read")
		}
	}
}

func BenchmarkFromHeaders(b *testing.B) {
	get := headers("x-api-key", mint(b, credential.KeyPrefix).Reveal())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := credential.FromHeaders(get); err != nil {
			b.Fatal(err)
		}
	}
}
