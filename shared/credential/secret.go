package credential

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// redacted is all that anything prints of a secret.
const redacted = "[redacted]"

// Secret is the text of a credential. It prints as [redacted] through fmt (every verb), encoding/json, slog and
// text/template; only Reveal gives the text. The zero Secret is empty.
//
// The text lies behind a pointer to a string: where fmt or another printer walks over an unexported field, on which it
// cannot call methods, it finds an address and not the text.
type Secret struct{ text *string }

func newSecret(s string) Secret { return Secret{text: &s} }

// Reveal gives the text: to show a new key to the one who asked for it, and to nobody else.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Prefix gives the first 12 characters, by which people recognise a key in a list. The rest of a minted key has 142 bits.
func (s Secret) Prefix() string {
	t := s.Reveal()
	return t[:min(shownChars, len(t))]
}

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s.text == nil }

// Equal compares two secrets in a time that does not tell how much of them agrees.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other.Reveal())) == 1
}

// String gives [redacted].
func (s Secret) String() string { return redacted }

// Format writes [redacted] for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) } // fmt.State never fails

// MarshalText gives [redacted], so that encoders (JSON among them) write that.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue gives [redacted].
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }
