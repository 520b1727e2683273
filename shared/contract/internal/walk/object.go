package walk

import (
	"strings"

	"sluice/shared/contract/internal/tree"
)

// Kinds is a set of kinds of value.
type Kinds uint8

// The kinds, and the sets that are common.
const (
	Boolean Kinds = 1 << tree.Bool
	Number  Kinds = 1 << tree.Number
	Text    Kinds = 1 << tree.String
	Array   Kinds = 1 << tree.Array
	Mapping Kinds = 1 << tree.Object
	Null    Kinds = 1 << tree.Null
	Any           = Boolean | Number | Text | Array | Mapping | Null
)

// String lists the kinds for people: "a string or a number".
func (k Kinds) String() string {
	var names []string
	for kind := tree.Null; kind <= tree.Object; kind++ {
		if k&(1<<kind) != 0 {
			names = append(names, kind.String())
		}
	}
	return strings.Join(names, " or ")
}

// Want says what belongs at a field.
type Want struct {
	Kinds     Kinds
	Object    *Object // what an object there is
	List      *Want   // what the elements of an array are
	Each      *Want   // what the values of an object are, whatever their keys
	Since     int     // the minor version of OpenAPI 3 that brought the field
	Soft      bool    // a value of another kind is untidy, not a fault: nothing that is served depends on it
	Hard      bool    // not even null or an empty list will do in its place
	Component bool    // the keys are names of components
	Check     func(n *tree.Node, at *tree.Path)
}

// Object says what one of a format's objects consists of.
type Object struct {
	Name      string
	Bit       uint                                                    // below 64: tells nodes that were looked at as this object
	Ref       bool                                                    // OpenAPI allows a reference in its place
	FieldsToo bool                                                    // fields beside the reference count
	Fields    map[string]Want                                         // by key
	Required  []string                                                // what is untidy to leave out
	Others    func(key string, at *tree.Path) (want Want, known bool) // for keys that are not fields
	Check     func(n *tree.Node, at *tree.Path)                       // what fields alone do not tell
	Self      func(n *tree.Node, at *tree.Path, b *Base)              // looks at the object in place of all this
}

// Note is a value that readers look at and servers do not.
func Note(k Kinds) Want { return Want{Kinds: k, Soft: true} }

// One is an object at a field.
func One(o *Object) Want { return Want{Kinds: Mapping, Object: o} }

// List is an array of what w says.
func List(w Want) Want { return Want{Kinds: Array, List: &w, Soft: w.Soft} }

// Each is an object with values of what w says.
func Each(w Want) Want { return Want{Kinds: Mapping, Each: &w, Soft: w.Soft} }

// From marks a field as new in OpenAPI 3.minor.
func (w Want) From(minor int) Want { w.Since = minor; return w }

// Checked adds a judgement.
func (w Want) Checked(f func(n *tree.Node, at *tree.Path)) Want { w.Check = f; return w }
