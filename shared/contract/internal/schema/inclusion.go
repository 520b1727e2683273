package schema

import (
	"sluice/shared/contract/internal/tree"
	"sluice/shared/contract/internal/walk"
)

// CheckInclusions notes schemas of components that include themselves without a property or element between: read
// strictly, no value could ever be held against them. Generators write them for parents that list their children.
func (s *Schemas) CheckInclusions() {
	schemas := s.Root.Get("components").Get("schemas")
	if !schemas.Is(tree.Object) {
		return
	}
	state := make(map[*tree.Node]bool) // false: being followed; true: done
	at := tree.At("/components/schemas")
	for i, key := range schemas.Keys {
		if s.includes(schemas.Items[i], state, 0) {
			s.Find(walk.SelfInclusion, at.Member(key), "the schema includes itself")
		}
	}
}

// includes reports whether following the schema's alternatives comes back to one that is being followed.
func (s *Schemas) includes(n *tree.Node, state map[*tree.Node]bool, depth int) bool {
	if !n.Is(tree.Object) || depth > 1000 {
		return false
	}
	if done, seen := state[n]; seen {
		return !done
	}
	state[n] = false
	defer func() { state[n] = true }()
	found := false
	if ref := n.Get("$ref"); ref.Is(tree.String) {
		to, _ := s.Resolve(ref.Text, nil)
		found = s.includes(to.Node, state, depth+1)
	}
	for _, key := range []string{"allOf", "anyOf", "oneOf"} {
		list := n.Get(key)
		if list.Is(tree.Array) {
			for _, part := range list.Items {
				found = s.includes(part, state, depth+1) || found
			}
		}
	}
	return found
}
