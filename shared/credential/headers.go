package credential

import (
	"strings"

	"sluice/shared/decision"
)

// Presented is the one credential that a call carries.
type Presented struct {
	Secret Secret
	Prefix Prefix
}

// The header fields that carry a credential, spelled as an HTTP API spells them.
const (
	HeaderKey           = "x-api-key"
	HeaderAuthorization = "authorization"
)

// FromHeaders finds the one credential in the header fields of a call. get gives a field's value by its lower-case name;
// values of a repeated field are joined by commas, as RFC 9110 §5.3 and HTTP APIs do. The error is an *Error.
//
// A credential is never picked out of several, since two readers could pick differently:
//
//   - both fields have a value, or a field has a comma in it (no key has one): ambiguous_credentials
//   - neither field is there, or all there is is empty ("x-api-key:", "authorization: Bearer"): credential_missing
//   - x-api-key carries anything but an app's key, an admin's key included; authorization has a scheme other than Bearer
//     (case-insensitive, RFC 9110 §11.1) or carries neither sort of key: credential_invalid
//
// A scheme other than Bearer is invalid even where it has commas of its own (Digest). Query parameters are no credential.
func FromHeaders(get func(name string) (value string, ok bool)) (Presented, error) {
	key, _ := get(HeaderKey)
	authorization, _ := get(HeaderAuthorization)
	switch {
	case key != "" && authorization != "":
		return Presented{}, errTwo
	case key != "":
		return fromKey(key)
	case authorization != "":
		return fromAuthorization(authorization)
	}
	return Presented{}, errNone
}

// The errors of FromHeaders, made once. They are never changed.
var (
	errTwo      error = &Error{Code: decision.AmbiguousCredentials, Detail: "send either x-api-key or authorization, once"}
	errNone     error = &Error{Code: decision.CredentialMissing, Detail: "the request carries no credential"}
	errScheme         = invalid("the authorization header must say Bearer and the key")
	errNoAppKey       = invalid("the x-api-key header takes an app's key, which starts with slk_")
)

func fromKey(value string) (Presented, error) {
	if strings.Contains(value, ",") {
		return Presented{}, errTwo
	}
	secret, prefix, err := Parse(value)
	if err != nil {
		return Presented{}, err
	}
	if prefix != KeyPrefix {
		return Presented{}, errNoAppKey
	}
	return Presented{Secret: secret, Prefix: prefix}, nil
}

func fromAuthorization(value string) (Presented, error) {
	scheme, token, _ := strings.Cut(value, " ")
	if scheme, _, repeated := strings.Cut(scheme, ","); repeated && strings.EqualFold(scheme, "bearer") {
		return Presented{}, errTwo
	}
	if !strings.EqualFold(scheme, "bearer") {
		return Presented{}, errScheme
	}
	if strings.Contains(token, ",") {
		return Presented{}, errTwo
	}
	token = strings.TrimLeft(token, " ") // RFC 9110 §11.4: one space or more
	if token == "" {
		return Presented{}, errNone
	}
	secret, prefix, err := Parse(token)
	if err != nil {
		return Presented{}, err
	}
	return Presented{Secret: secret, Prefix: prefix}, nil
}
