package policy

import (
	"bytes"
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Terms that every input and decision needs, made once. They are only read.
var (
	keyAction       = ast.StringTerm("action")
	keyActor        = ast.StringTerm("actor")
	keyAPI          = ast.StringTerm("api")
	keyApp          = ast.StringTerm("app")
	keyAudience     = ast.StringTerm("audience")
	keyCall         = ast.StringTerm("call")
	keyCaller       = ast.StringTerm("caller")
	keyConsumer     = ast.StringTerm("consumer")
	keyCredential   = ast.StringTerm("credential")
	keyExpired      = ast.StringTerm("expired")
	keyID           = ast.StringTerm("id")
	keyKind         = ast.StringTerm("kind")
	keyMethod       = ast.StringTerm("method")
	keyOperation    = ast.StringTerm("operation")
	keyPath         = ast.StringTerm("path")
	keyPlane        = ast.StringTerm("plane")
	keyPresent      = ast.StringTerm("present")
	keyResource     = ast.StringTerm("resource")
	keyRevoked      = ast.StringTerm("revoked")
	keyRole         = ast.StringTerm("role")
	keyScopes       = ast.StringTerm("scopes")
	keyState        = ast.StringTerm("state")
	keySubscription = ast.StringTerm("subscription")
	keyTeam         = ast.StringTerm("team")
	keyTemplate     = ast.StringTerm("template")
	keyVersion      = ast.StringTerm("version")

	termAllow   = ast.StringTerm("allow")
	termReasons = ast.StringTerm("reasons")
	termTrue    = ast.BooleanTerm(true)
	termFalse   = ast.BooleanTerm(false)
	noScopes    = ast.ObjectTerm()
	noneNeeded  = ast.ArrayTerm(noScopes)
)

type pair = [2]*ast.Term

// common are the words that most inputs consist of. It is only read.
var common = words("gateway", "management", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "key", "admin",
	"internal", "partner", "public", "rest", "graphql", "event", "draft", "review", "published", "deprecated", "retired",
	"requested", "active", "suspended", "ended", "v1", "v2", "v3", "platform-admin", "team-member", "auditor",
	"read", "create", "update", "delete", "transition", "issue")

func words(all ...string) map[string]*ast.Term {
	terms := make(map[string]*ast.Term, len(all))
	for _, w := range all {
		terms[w] = ast.StringTerm(w)
	}
	return terms
}

// usableKey is by far the most frequent credential. It is only read.
var usableKey = ast.ObjectTerm(pair{keyPresent, termTrue}, pair{keyKind, common["key"]}, pair{keyRevoked, termFalse},
	pair{keyExpired, termFalse})

// builder makes the terms of one input out of one piece of memory.
type builder struct {
	terms [48]ast.Term
	used  int
}

func (b *builder) term(v ast.Value) *ast.Term {
	if b.used == len(b.terms) {
		return ast.NewTerm(v)
	}
	t := &b.terms[b.used]
	b.used++
	t.Value = v
	return t
}

func (b *builder) text(s string) *ast.Term {
	if t := common[s]; t != nil {
		return t
	}
	return b.term(ast.String(s))
}

func (b *builder) object(members ...pair) *ast.Term { return b.term(ast.NewObject(members...)) }

func truth(v bool) *ast.Term {
	if v {
		return termTrue
	}
	return termFalse
}

func (in *AccessInput) term() *ast.Term {
	if in == nil {
		return ast.ObjectTerm()
	}
	var b builder
	var members [7]pair
	all := append(members[:0], pair{keyCall, in.call(&b)}, pair{keyCaller, in.caller(&b)})
	if c := in.Credential; c != nil {
		all = append(all, pair{keyCredential, c.term(&b)})
	}
	if s := in.Subscription; s != nil {
		all = append(all, pair{keySubscription, b.object(pair{keyApp, b.text(string(s.App))},
			pair{keyAPI, b.text(string(s.API))}, pair{keyState, b.text(string(s.State))})})
	}
	if a := in.API; a != nil {
		all = append(all, pair{keyAPI, b.object(pair{keyID, b.text(string(a.ID))},
			pair{keyAudience, b.text(string(a.Audience))}, pair{keyKind, b.text(string(a.Kind))})})
	}
	if v := in.Version; v != nil {
		all = append(all, pair{keyVersion, b.object(pair{keyAPI, b.text(string(v.API))},
			pair{keyVersion, b.text(string(v.Version))}, pair{keyState, b.text(string(v.State))})})
	}
	if o := in.Operation; o != nil {
		all = append(all, pair{keyOperation, b.object(pair{keyID, b.text(o.ID)}, pair{keyMethod, b.text(o.Method)},
			pair{keyTemplate, b.text(o.Template)}, pair{keyScopes, b.alternatives(o.Scopes)})})
	}
	return b.object(all...)
}

func (in *AccessInput) call(b *builder) *ast.Term {
	plane, method := pair{keyPlane, b.text(string(in.Plane))}, pair{keyMethod, b.text(in.Method)}
	if in.Path == "" {
		return b.object(plane, method)
	}
	return b.object(plane, method, pair{keyPath, b.text(in.Path)})
}

func (c *CredentialFacts) term(b *builder) *ast.Term {
	if *c == (CredentialFacts{Kind: KindKey}) {
		return usableKey
	}
	return b.object(pair{keyPresent, termTrue}, pair{keyKind, b.text(string(c.Kind))}, pair{keyRevoked, truth(c.Revoked)},
		pair{keyExpired, truth(c.Expired)})
}

func (in *AccessInput) caller(b *builder) *ast.Term {
	var members [3]pair
	all := members[:0]
	if c := in.Consumer; c != nil {
		all = append(all, pair{keyConsumer, b.object(pair{keyID, b.text(string(c.ID))}, pair{keyKind, b.text(string(c.Kind))})})
	}
	if a := in.App; a != nil {
		all = append(all, pair{keyApp, b.object(pair{keyID, b.text(string(a.ID))},
			pair{keyConsumer, b.text(string(a.Consumer))})})
	}
	return b.object(append(all, pair{keyScopes, b.scopes(in.Scopes)})...)
}

// scopes gives scopes as an object {scope: true}, in which the policy looks one up instead of searching.
func (b *builder) scopes(list []string) *ast.Term {
	if len(list) == 0 {
		return noScopes
	}
	var few [8]pair
	all := few[:0]
	for _, s := range list {
		all = append(all, pair{b.text(s), termTrue})
	}
	return b.object(all...)
}

// alternatives gives lists of scopes as an array of such objects; where none is needed, as one that is empty.
func (b *builder) alternatives(lists [][]string) *ast.Term {
	if len(lists) == 0 {
		return noneNeeded
	}
	all := make([]*ast.Term, len(lists))
	for i, list := range lists {
		all[i] = b.scopes(list)
	}
	return b.term(ast.NewArray(all...))
}

func (in *AdminInput) term() *ast.Term {
	if in == nil {
		return ast.ObjectTerm()
	}
	var b builder
	return b.object(
		pair{keyActor, b.object(pair{keyID, b.text(in.Actor.ID)}, pair{keyRole, b.text(string(in.Actor.Role))},
			pair{keyTeam, b.text(string(in.Actor.Team))})},
		pair{keyAction, b.text(string(in.Action))},
		pair{keyResource, b.object(pair{keyKind, b.text(string(in.Resource.Kind))}, pair{keyID, b.text(in.Resource.ID)},
			pair{keyTeam, b.text(string(in.Owner))})})
}

// Document is an input that came as JSON. It may be anything; policies deny what they do not know.
type Document struct{ value *ast.Term }

// ParseDocument reads an input from JSON; an error says where the text is not JSON.
func ParseDocument(text []byte) (Document, error) {
	v, err := ast.ValueFromReader(bytes.NewReader(text))
	if err != nil {
		return Document{}, fmt.Errorf("read policy input: %w", err)
	}
	return Document{ast.NewTerm(v)}, nil
}

func (d Document) term() *ast.Term {
	if d.value == nil {
		return ast.ObjectTerm()
	}
	return d.value
}
