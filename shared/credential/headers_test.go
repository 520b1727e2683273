package credential_test

import (
	"strings"
	"testing"

	"sluice/shared/credential"
	"sluice/shared/decision"
)

// headers answers as an HTTP API's header map does: lower-case names, repeated fields joined by commas.
func headers(pairs ...string) func(string) (string, bool) {
	all := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		if before, twice := all[pairs[i]]; twice {
			all[pairs[i]] = before + "," + pairs[i+1]
			continue
		}
		all[pairs[i]] = pairs[i+1]
	}
	return func(name string) (string, bool) {
		v, ok := all[name]
		return v, ok
	}
}

func TestFromHeaders(t *testing.T) {
	key, admin := mint(t, credential.KeyPrefix).Reveal(), mint(t, credential.AdminPrefix).Reveal()
	const (
		k, a      = "x-api-key", "authorization"
		ambiguous = decision.AmbiguousCredentials
		missing   = decision.CredentialMissing
		invalid   = decision.CredentialInvalid
	)
	for name, c := range map[string]struct {
		headers []string
		secret  string
		code    decision.Refusal
	}{
		"a key in x-api-key is taken":                       {[]string{k, key}, key, ""},
		"a key as bearer is taken":                          {[]string{a, "Bearer " + key}, key, ""},
		"an admin key as bearer is taken":                   {[]string{a, "Bearer " + admin}, admin, ""},
		"the scheme is case-insensitive":                    {[]string{a, "bEARER " + admin}, admin, ""},
		"more than one space may follow the scheme":         {[]string{a, "Bearer   " + key}, key, ""},
		"an empty field beside the credential is no second": {[]string{k, key, a, ""}, key, ""},
		"an empty x-api-key is no second":                   {[]string{k, "", a, "Bearer " + key}, key, ""},
		"no header is missing":                              {nil, "", missing},
		"an empty x-api-key is missing":                     {[]string{k, ""}, "", missing},
		"two empty fields are missing":                      {[]string{k, "", a, ""}, "", missing},
		"a bearer without a token is missing":               {[]string{a, "Bearer"}, "", missing},
		"a bearer with only spaces is missing":              {[]string{a, "Bearer  "}, "", missing},
		"both fields are ambiguous":                         {[]string{k, key, a, "Bearer " + key}, "", ambiguous},
		"both fields are ambiguous even if one is junk":     {[]string{k, key, a, "Basic eDp5"}, "", ambiguous},
		"both fields are ambiguous even if both are junk":   {[]string{k, "x", a, "y"}, "", ambiguous},
		"x-api-key twice is ambiguous":                      {[]string{k, key, k, key}, "", ambiguous},
		"x-api-key twice, once empty, is ambiguous":         {[]string{k, key, k, ""}, "", ambiguous},
		"x-api-key twice, both empty, is ambiguous":         {[]string{k, "", k, ""}, "", ambiguous},
		"two keys with comma and space are ambiguous":       {[]string{k, key + ", " + key}, "", ambiguous},
		"authorization twice is ambiguous":                  {[]string{a, "Bearer " + key, a, "Bearer " + key}, "", ambiguous},
		"an empty bearer and a full one are ambiguous":      {[]string{a, "Bearer", a, "Bearer " + key}, "", ambiguous},
		"a key in basic and one in bearer is invalid":       {[]string{a, "Basic eDp5", a, "Bearer " + key}, "", invalid},
		"an admin key in x-api-key is invalid":              {[]string{k, admin}, "", invalid},
		"basic is invalid":                                  {[]string{a, "Basic eDp5"}, "", invalid},
		"digest is invalid, though it has commas":           {[]string{a, `Digest username="x", realm="y"`}, "", invalid},
		"a key without a scheme is invalid":                 {[]string{a, key}, "", invalid},
		"a scheme without a space is invalid":               {[]string{a, "Bearer" + key}, "", invalid},
		"a tab after the scheme is invalid":                 {[]string{a, "Bearer\t" + key}, "", invalid},
		"a space before the scheme is invalid":              {[]string{a, " Bearer " + key}, "", invalid},
		"a space after the token is invalid":                {[]string{a, "Bearer " + key + " "}, "", invalid},
		"a signed token is invalid so far":                  {[]string{a, "Bearer eyJhbGciOiJub25lIn0.e30."}, "", invalid},
		"bearer in x-api-key is invalid":                    {[]string{k, "Bearer " + key}, "", invalid},
		"a blank x-api-key is invalid":                      {[]string{k, " "}, "", invalid},
		"a space before the key is invalid":                 {[]string{k, " " + key}, "", invalid},
		"a megabyte is invalid":                             {[]string{k, strings.Repeat("x", 1<<20)}, "", invalid},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := credential.FromHeaders(headers(c.headers...))
			if code(err) != c.code || (err == nil) != (c.code == "") || got.Secret.Reveal() != c.secret {
				t.Fatalf("got %q, %v; want %q, %s", got.Prefix, err, c.secret, c.code)
			}
			if err == nil && !strings.HasPrefix(c.secret, string(got.Prefix)) || err != nil && got.Prefix != "" {
				t.Errorf("prefix %q", got.Prefix)
			}
		})
	}
}

func TestARefusalIsReadyToBeTold(t *testing.T) {
	_, err := credential.FromHeaders(headers())
	e, ok := err.(*credential.Error) //nolint:errorlint // FromHeaders promises exactly this type
	if !ok {
		t.Fatalf("got %T", err)
	}
	if d := e.Denial(); d.Code != decision.CredentialMissing || d.Detail == "" || !d.Code.Known() {
		t.Errorf("got %+v", d)
	}
}

// FuzzFromHeaders holds that a credential is only ever taken out of headers that carry this one and nothing else.
func FuzzFromHeaders(f *testing.F) {
	key := mint(f, credential.KeyPrefix).Reveal()
	f.Add(key, "")
	f.Add("", "Bearer "+key)
	f.Add(key, "Bearer "+key)
	f.Add("", "Bearer "+key+",Bearer "+key)
	f.Fuzz(func(t *testing.T, apiKey, authorization string) {
		got, err := credential.FromHeaders(headers("x-api-key", apiKey, "authorization", authorization))
		if err != nil {
			switch code(err) {
			case decision.AmbiguousCredentials, decision.CredentialInvalid:
			case decision.CredentialMissing:
				if apiKey != "" {
					t.Errorf("%q is not missing", apiKey)
				}
			default:
				t.Errorf("refused with %v", err)
			}
			return
		}
		secret := got.Secret.Reveal()
		bearer := strings.EqualFold(strings.ReplaceAll(strings.TrimSuffix(authorization, secret), " ", ""), "bearer")
		if (apiKey != secret || authorization != "") && (apiKey != "" || !bearer) {
			t.Errorf("took %q out of %q and %q", secret, apiKey, authorization)
		}
	})
}
