package credential

import (
	"time"

	"sluice/shared/catalog"
)

// Standing is whether a credential may be used.
type Standing int

// The standings. The zero value is not usable, so that a forgotten judgement admits nobody.
const (
	Unknown Standing = iota // not judged
	Revoked
	Expired
	Usable
)

// String gives the standing in lower case.
func (s Standing) String() string {
	switch s {
	case Revoked:
		return "revoked"
	case Expired:
		return "expired"
	case Usable:
		return "usable"
	case Unknown:
	}
	return "unknown"
}

// Judge says how the credential stands at the instant.
//
// A revocation holds at once, whatever instant it bears: the clocks of two instances differ, and a revoked key must not
// live on by that difference. A key that shall end later (rotation with an overlap) has an expiry instead. At the very
// instant of its expiry a credential has expired. What is both revoked and expired is revoked.
func Judge(c catalog.Credential, now time.Time) Standing {
	if c.Revoked != nil {
		return Revoked
	}
	if c.Expires != nil && !now.Before(*c.Expires) {
		return Expired
	}
	return Usable
}
