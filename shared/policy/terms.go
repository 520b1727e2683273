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
	noTerms     = ast.ArrayTerm()
)

type pair = [2]*ast.Term

func text[T ~string](key *ast.Term, s T) pair { return pair{key, ast.StringTerm(string(s))} }

func truth(key *ast.Term, b bool) pair {
	if b {
		return pair{key, termTrue}
	}
	return pair{key, termFalse}
}

func (in *AccessInput) term() *ast.Term {
	if in == nil {
		return ast.ObjectTerm()
	}
	var members [7]pair
	all := append(members[:0],
		pair{keyCall, ast.ObjectTerm(text(keyPlane, in.Plane), text(keyMethod, in.Method), text(keyPath, in.Path))},
		pair{keyCaller, in.caller()})
	if c := in.Credential; c != nil {
		all = append(all, pair{keyCredential, ast.ObjectTerm(pair{keyPresent, termTrue}, text(keyKind, c.Kind),
			truth(keyRevoked, c.Revoked), truth(keyExpired, c.Expired))})
	}
	if s := in.Subscription; s != nil {
		all = append(all, pair{keySubscription, ast.ObjectTerm(text(keyApp, s.App), text(keyAPI, s.API), text(keyState, s.State))})
	}
	if a := in.API; a != nil {
		all = append(all, pair{keyAPI, ast.ObjectTerm(text(keyID, a.ID), text(keyAudience, a.Audience), text(keyKind, a.Kind))})
	}
	if v := in.Version; v != nil {
		all = append(all, pair{keyVersion, ast.ObjectTerm(text(keyAPI, v.API), text(keyVersion, v.Version), text(keyState, v.State))})
	}
	if o := in.Operation; o != nil {
		all = append(all, pair{keyOperation, ast.ObjectTerm(text(keyID, o.ID), text(keyMethod, o.Method),
			text(keyTemplate, o.Template), pair{keyScopes, alternatives(o.Scopes)})})
	}
	return ast.ObjectTerm(all...)
}

// caller gives who calls. The scopes are an object, so that the policy looks one up instead of searching.
func (in *AccessInput) caller() *ast.Term {
	var members [3]pair
	all := members[:0]
	if c := in.Consumer; c != nil {
		all = append(all, pair{keyConsumer, ast.ObjectTerm(text(keyID, c.ID), text(keyKind, c.Kind))})
	}
	if a := in.App; a != nil {
		all = append(all, pair{keyApp, ast.ObjectTerm(text(keyID, a.ID), text(keyConsumer, a.Consumer))})
	}
	held := make([]pair, 0, len(in.Scopes))
	for _, s := range in.Scopes {
		held = append(held, pair{ast.StringTerm(s), termTrue})
	}
	all = append(all, pair{keyScopes, ast.ObjectTerm(held...)})
	return ast.ObjectTerm(all...)
}

func alternatives(lists [][]string) *ast.Term {
	if len(lists) == 0 {
		return noTerms
	}
	all := make([]*ast.Term, len(lists))
	for i, list := range lists {
		one := make([]*ast.Term, len(list))
		for j, s := range list {
			one[j] = ast.StringTerm(s)
		}
		all[i] = ast.ArrayTerm(one...)
	}
	return ast.ArrayTerm(all...)
}

func (in *AdminInput) term() *ast.Term {
	if in == nil {
		return ast.ObjectTerm()
	}
	return ast.ObjectTerm(
		pair{keyActor, ast.ObjectTerm(text(keyID, in.Actor.ID), text(keyRole, in.Actor.Role), text(keyTeam, in.Actor.Team))},
		text(keyAction, in.Action),
		pair{keyResource, ast.ObjectTerm(text(keyKind, in.Resource.Kind), text(keyID, in.Resource.ID), text(keyTeam, in.Owner))})
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
