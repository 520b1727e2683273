// Package credential holds how a secret is minted, written, parsed, hashed and judged usable. It does no I/O.
//
// An app's key is
//
//	slk_ + 32 random characters + 6 characters of checksum
//
// in base62: 190 random bits, and a CRC-32 over everything before it. The checksum is no protection against an attacker,
// who can compute it; it refuses typing errors, truncated pastes and junk without any read, and lets scanners of source
// code tell a real key from a look-alike. An admin's key starts with sla_ and is minted the same way, but an admin may also
// choose one, so that its shape alone is checked and not its sum.
//
// A secret is shown once and kept as its SHA-256. A plain hash is enough since 190 bits cannot be guessed; a slow hash would
// only slow down every call.
package credential

import (
	"crypto/sha256"
	"encoding/hex"
	"hash/crc32"
	"io"

	"sluice/shared/decision"
	"sluice/shared/problem"
)

// Prefix is the start of a secret and tells who it is for.
type Prefix string

// The prefixes.
const (
	KeyPrefix   Prefix = "slk_" // an app, on the data plane
	AdminPrefix Prefix = "sla_" // an admin, on the Management API
)

const (
	alphabet    = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	prefixChars = 4
	randomChars = 32
	sumChars    = 6 // 62^6 > 2^32
	mintedChars = prefixChars + randomChars + sumChars
	minChosen   = 28 // characters of an admin's key after its prefix
	maxChosen   = 200
	shownChars  = 12
)

// Error says why what was presented is no credential. Code is one of decision.AmbiguousCredentials,
// decision.CredentialMissing and decision.CredentialInvalid; Detail is safe for the caller and holds nothing of what was sent.
type Error struct {
	Code   decision.Refusal
	Detail string
}

// Error gives the code and what would fix it.
func (e *Error) Error() string { return string(e.Code) + ": " + e.Detail }

// Denial is the error as the refusal of a call.
func (e *Error) Denial() *decision.Denial { return &decision.Denial{Code: e.Code, Detail: e.Detail} }

func invalid(detail string) error { return &Error{Code: decision.CredentialInvalid, Detail: detail} }

// Mint makes a new secret from the source of randomness, without bias. It fails if the source does, or if the prefix is none.
func Mint(random io.Reader, prefix Prefix) (Secret, error) {
	if prefix != KeyPrefix && prefix != AdminPrefix {
		return Secret{}, problem.New(problem.Internal, "mint a credential: unknown prefix")
	}
	text := make([]byte, 0, mintedChars)
	text = append(text, prefix...)
	// 248 = 4 × 62: a byte above it would make some characters likelier than others.
	const unbiased = 248
	var block [64]byte
	for range 16 { // one block leaves it short once in 10^18; sixteen do so only if the source is broken
		if _, err := io.ReadFull(random, block[:]); err != nil {
			return Secret{}, problem.Wrap(err, problem.Internal, "mint a credential: read randomness")
		}
		for _, b := range block {
			if b < unbiased && len(text) < prefixChars+randomChars {
				text = append(text, alphabet[b%62])
			}
		}
		if len(text) == prefixChars+randomChars {
			return newSecret(string(text) + string(appendSum(nil, checksum(string(text))))), nil
		}
	}
	return Secret{}, problem.New(problem.Internal, "mint a credential: the source of randomness is stuck")
}

// Parse reads a secret exactly as it was shown: nothing is trimmed, folded or normalised. Any other text is an *Error with
// code credential_invalid. It reads nothing but the text, and allocates once, whatever the text is.
func Parse(s string) (Secret, Prefix, error) {
	if len(s) < prefixChars {
		return Secret{}, "", errShape
	}
	switch Prefix(s[:prefixChars]) {
	case KeyPrefix:
		if !minted(s) {
			return Secret{}, "", errSum
		}
		return newSecret(s), KeyPrefix, nil
	case AdminPrefix:
		if !chosen(s[prefixChars:]) {
			return Secret{}, "", errAdmin
		}
		return newSecret(s), AdminPrefix, nil
	}
	return Secret{}, "", errShape
}

// The errors of Parse, made once: a flood of junk must not cost memory. They are never changed.
var (
	errShape = invalid("this is no key of this platform: one starts with slk_")
	errSum   = invalid("the key is incomplete or mistyped: copy it again as a whole")
	errAdmin = invalid("the admin key is incomplete or mistyped: copy it again as a whole")
)

// minted reports whether s has the length, the alphabet and the checksum of a minted secret.
func minted(s string) bool {
	if len(s) != mintedChars {
		return false
	}
	for i := prefixChars; i < mintedChars; i++ {
		if !letterOrDigit(s[i]) {
			return false
		}
	}
	const body = prefixChars + randomChars
	var sum [sumChars]byte
	return string(appendSum(sum[:0], checksum(s[:body]))) == s[body:]
}

// checksum is crc32.ChecksumIEEE of a string, which it does not copy to the heap.
func checksum(s string) uint32 {
	crc := ^uint32(0)
	for i := range len(s) {
		crc = crc32.IEEETable[byte(crc&0xff)^s[i]] ^ crc>>8 // #nosec G115 -- the low byte is what is meant
	}
	return ^crc
}

// chosen reports whether s may follow the prefix of an admin's key.
func chosen(s string) bool {
	if len(s) < minChosen || len(s) > maxChosen {
		return false
	}
	for i := range len(s) {
		if !letterOrDigit(s[i]) && s[i] != '_' && s[i] != '-' {
			return false
		}
	}
	return true
}

func letterOrDigit(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}

// appendSum writes the sum in base62, most significant digit first, padded to sumChars.
func appendSum(to []byte, sum uint32) []byte {
	var digits [sumChars]byte
	for i := sumChars - 1; i >= 0; i-- {
		digits[i] = alphabet[sum%62]
		sum /= 62
	}
	return append(to, digits[:]...)
}

// Hash is the hex SHA-256 of the secret: the name under which the store knows it.
func (s Secret) Hash() string {
	var whole [prefixChars + maxChosen]byte // on the stack, where a conversion would not be
	n := copy(whole[:], s.Reveal())
	sum := sha256.Sum256(whole[:n])
	var text [2 * sha256.Size]byte
	hex.Encode(text[:], sum[:])
	return string(text[:])
}
