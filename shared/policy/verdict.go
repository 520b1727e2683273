package policy

import (
	"errors"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Verdict is what a policy says: an object with exactly two members, allow (a boolean) and reasons (an array or set of
// texts, none empty). An allow has no reason and a denial has at least one; the most telling one comes first, as the policy
// orders them. Anything else is malformed and thereby an error.
type Verdict struct {
	Allow   bool
	Reasons []string
}

var errMalformed = errors.New("decide: the policy gave no well-formed decision")

func verdict(t *ast.Term) (Verdict, error) {
	if t == nil {
		return Verdict{}, errMalformed
	}
	o, ok := t.Value.(ast.Object)
	if !ok || o.Len() != 2 {
		return Verdict{}, errMalformed
	}
	allow, reasons := o.Get(termAllow), o.Get(termReasons)
	if allow == nil || reasons == nil {
		return Verdict{}, errMalformed
	}
	yes, isBool := allow.Value.(ast.Boolean)
	texts, isTexts := strings(reasons.Value)
	if !isBool || !isTexts || bool(yes) != (len(texts) == 0) {
		return Verdict{}, errMalformed
	}
	return Verdict{Allow: bool(yes), Reasons: texts}, nil
}

// strings reads the texts of an array in its order, or of a set in the order of its members.
func strings(v ast.Value) (texts []string, ok bool) {
	ok = true
	add := func(t *ast.Term) {
		s, isText := t.Value.(ast.String)
		ok = ok && isText && s != ""
		texts = append(texts, string(s))
	}
	switch v := v.(type) {
	case *ast.Array:
		v.Foreach(add)
	case ast.Set:
		v.Foreach(add)
	default:
		return nil, false
	}
	return texts, ok
}
