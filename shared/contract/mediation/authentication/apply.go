package authentication

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Request is what is authenticated: all that a signature may cover.
type Request struct {
	Method string
	Host   string // as it is sent
	Path   string // escaped
	Query  string // without the question mark
	Header http.Header
	Body   []byte
}

// Secret is the value of a secret: a JSON object with the members that the type of authentication names or, of bearer and
// api_key, the bare text. It never prints.
type Secret []byte

// String hides it.
func (Secret) String() string { return "[redacted]" }

// GoString hides it.
func (Secret) GoString() string { return "[redacted]" }

// MarshalText hides it.
func (Secret) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }

// ErrSecret says that a secret's value is not what the declaration needs. Errors never hold parts of it.
var ErrSecret = errors.New("the secret is not what the authentication needs")

// fields are the members of a secret.
type fields struct {
	Username        string `json:"username"`
	Password        string `json:"password"`
	Token           string `json:"token"`
	Key             string `json:"key"`
	ClientID        string `json:"client_id"`
	ClientSecret    string `json:"client_secret"`
	AccessKeyID     string `json:"access_key_id"`
	SecretAccessKey string `json:"secret_access_key"`
	SessionToken    string `json:"session_token"`
}

func (s Secret) fields() (f fields, err error) {
	text := strings.TrimSpace(string(s))
	if !strings.HasPrefix(text, "{") {
		return fields{Token: text, Key: text}, nil
	}
	if json.Unmarshal([]byte(text), &f) != nil {
		return fields{}, fmt.Errorf("%w: it is no JSON object of texts", ErrSecret)
	}
	return f, nil
}

// Apply puts credentials on a request, over what the caller sent in their place: header fields and query are replaced, not
// added to. The value is that of the declared secret; of oauth2_client_credentials it is the access token (Tokens.Get). now
// is the time of a signature. It changes r and nothing that r shares, and fails with ErrSecret.
func (d *Declaration) Apply(r *Request, value Secret, now time.Time) error {
	f, err := value.fields()
	if err != nil {
		return err
	}
	r.Header = r.Header.Clone()
	if r.Header == nil {
		r.Header = make(http.Header)
	}
	delete(r.Header, "Authorization") // the caller's is for us, not for the upstream
	switch d.Type {
	case Basic:
		if f.Username == "" || strings.Contains(f.Username, ":") {
			return fmt.Errorf("%w: username is missing, or has a colon (RFC 7617)", ErrSecret)
		}
		return d.field(r, "Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(f.Username+":"+f.Password)))
	case Bearer, ClientCredentials:
		if f.Token == "" {
			return fmt.Errorf("%w: the token is missing", ErrSecret)
		}
		return d.field(r, "Authorization", "Bearer "+f.Token)
	case APIKey:
		if f.Key == "" {
			return fmt.Errorf("%w: the key is missing", ErrSecret)
		}
		if d.In == InQuery {
			r.Query = withParameter(r.Query, d.Name, f.Key)
			return nil
		}
		return d.field(r, d.Name, d.Prefix+f.Key)
	case SigV4:
		if f.AccessKeyID == "" || f.SecretAccessKey == "" {
			return fmt.Errorf("%w: access_key_id or secret_access_key is missing", ErrSecret)
		}
		if !visible(f.AccessKeyID) || !visible(f.SessionToken) {
			return fmt.Errorf("%w: it has characters that a header cannot carry", ErrSecret)
		}
		sign(r, credentials{f.AccessKeyID, f.SecretAccessKey, f.SessionToken}, d.Region, d.Service, now)
		return nil
	}
	return fmt.Errorf("authenticate: the type %q is not known", d.Type)
}

func (d *Declaration) field(r *Request, name, value string) error {
	if !visible(value) {
		return fmt.Errorf("%w: it has characters that a header cannot carry", ErrSecret)
	}
	r.Header[http.CanonicalHeaderKey(name)] = []string{value}
	return nil
}

// withParameter replaces a parameter. The others stay as they came.
func withParameter(query, name, value string) string {
	var kept []string
	for part := range strings.SplitSeq(query, "&") {
		n, _, _ := strings.Cut(part, "=")
		if decoded, err := url.QueryUnescape(n); part != "" && (err != nil || decoded != name) {
			kept = append(kept, part)
		}
	}
	return strings.Join(append(kept, url.QueryEscape(name)+"="+url.QueryEscape(value)), "&")
}

// Redacted gives header fields and query as a trace may show them: without what Apply put there.
func (d *Declaration) Redacted(r Request) Request {
	r.Header = r.Header.Clone()
	names := []string{"Authorization", "X-Amz-Security-Token"}
	if d.Type == APIKey && d.In == InHeader {
		names = append(names, d.Name)
	}
	for _, name := range names {
		if len(r.Header[http.CanonicalHeaderKey(name)]) > 0 {
			r.Header[http.CanonicalHeaderKey(name)] = []string{"[redacted]"}
		}
	}
	if d.Type == APIKey && d.In == InQuery {
		r.Query = withParameter(r.Query, d.Name, "[redacted]")
	}
	return r
}
