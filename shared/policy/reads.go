package policy

import "github.com/open-policy-agent/opa/v1/ast"

// callPath is the one fact of an AccessInput that is another with almost every call.
var callPath = []string{"call", "path"}

// mayRead reports whether a verdict of the compiled modules may depend on the value at the path below input. A no is sure: a
// reference to the path, to anything around it or below it, or through a key that is not written out, is a yes.
//
// One form is excepted, since policies use it to say how an input must look: an object pattern, as in input = {…}, that has
// "_" at the path or does not have it at all asks whether something is there, and not what it is.
func mayRead(modules map[string]*ast.Module, path []string) bool {
	for _, m := range modules {
		for _, rule := range m.Rules {
			if ruleReads(rule, path) {
				return true
			}
		}
	}
	return false
}

func ruleReads(rule *ast.Rule, path []string) bool {
	reads := false
	var visitor *ast.GenericVisitor
	visitor = ast.NewGenericVisitor(func(node any) bool {
		switch node := node.(type) {
		case *ast.Head:
			visitor.Walk(node.Reference) // which no visitor of OPA looks into; what is computed there should be in the body by now
		case *ast.Expr:
			if pattern := ignoring(rule, node, path); pattern != nil {
				visitor.Walk(pattern)
				return true
			}
		case *ast.Term:
			if keys, ok := below(node); ok {
				reads = reads || meets(keys, path)
				visitor.Walk(keys)
				return true
			}
			reads = reads || node.Equal(ast.InputRootDocument) // bare: all of it
		}
		return reads
	})
	visitor.Walk(rule)
	return reads
}

// below gives the keys of a reference into the input.
func below(t *ast.Term) (keys ast.Ref, ok bool) {
	ref, ok := t.Value.(ast.Ref)
	if !ok || len(ref) == 0 || !ref[0].Equal(ast.InputRootDocument) {
		return nil, false
	}
	return ref[1:], true
}

// meets reports whether keys can lead to the path, to something around it or to something below it.
func meets(keys ast.Ref, path []string) bool {
	for i := range min(len(keys), len(path)) {
		if name, isText := keys[i].Value.(ast.String); isText && string(name) != path[i] {
			return false
		}
	}
	return true
}

// ignoring gives the pattern of an expression such as input.call = {"method": m, "path": _}, if what is at the path does not
// matter for it; else nil.
func ignoring(rule *ast.Rule, e *ast.Expr, path []string) *ast.Term {
	terms, ok := e.Terms.([]*ast.Term)
	if !ok || len(terms) != 3 || len(e.With) > 0 || !e.IsEquality() {
		return nil
	}
	for i := range 2 {
		keys, ok := below(terms[1+i])
		if !ok || len(keys) >= len(path) || !keys.IsGround() || !meets(keys, path) {
			continue
		}
		if pattern := terms[2-i]; leavesOpen(rule, pattern, path[len(keys):]) {
			return pattern
		}
	}
	return nil
}

// leavesOpen reports whether the pattern is an object with written-out keys to which the value at the path makes no difference.
func leavesOpen(rule *ast.Rule, pattern *ast.Term, path []string) bool {
	object, ok := pattern.Value.(ast.Object)
	if !ok {
		return false
	}
	open := true
	object.Foreach(func(key, value *ast.Term) {
		name, isText := key.Value.(ast.String)
		switch {
		case !isText:
			open = false
		case string(name) != path[0]:
		case len(path) > 1:
			open = open && leavesOpen(rule, value, path[1:])
		default:
			open = open && anything(rule, value)
		}
	})
	return open
}

// anything reports whether the term is a "_": the parser gives each a name of its own, and nothing else may use it.
func anything(rule *ast.Rule, t *ast.Term) bool {
	v, ok := t.Value.(ast.Var)
	if !ok || !v.IsWildcard() {
		return false
	}
	uses := 0
	ast.WalkVars(rule, func(other ast.Var) bool {
		if other == v {
			uses++
		}
		return false
	})
	return uses == 1
}
