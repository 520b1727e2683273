package lens

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"sluice/shared/contract/mediation/mapping"
	"sluice/shared/contract/mediation/value"
)

// generator makes values that a map has something to do with: from the examples, changed a little, or from the map's own
// places. What the contract does not allow of them, Validators sort out.
type generator struct {
	operations []mapping.Operation
	examples   []*value.Value
	names      []string // that the map speaks of
}

func newGenerator(m *mapping.Map, examples []*value.Value) *generator {
	g := &generator{examples: examples, names: []string{"other"}}
	for i := range m.Len() {
		o := m.Operation(i)
		g.operations = append(g.operations, o)
		for _, p := range []string{o.Path, o.From} {
			for token := range strings.SplitSeq(p, "/") {
				g.names = append(g.names, unescape(token))
			}
		}
		g.names = append(g.names, o.Name)
	}
	slices.Sort(g.names)
	g.names = slices.DeleteFunc(slices.Compact(g.names), func(n string) bool { return n == "" || n == "*" })
	return g
}

func unescape(token string) string { return strings.NewReplacer("~1", "/", "~0", "~").Replace(token) }

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// value makes one.
func (g *generator) value(r *rand.Rand) *value.Value {
	var v *value.Value
	if len(g.examples) > 0 {
		v = pick(r, g.examples).Clone()
	} else {
		v = g.built(r)
	}
	for range r.IntN(3) {
		g.mutate(r, v)
	}
	return v
}

// built makes a value that has most of what the map looks for as it is at first.
func (g *generator) built(r *rand.Rand) *value.Value {
	root := &value.Value{Kind: value.Object}
	for _, o := range g.operations {
		from := o.Path
		switch o.Op {
		case mapping.Move, mapping.Copy:
			from = o.From
		case mapping.Default:
			continue
		}
		if from != "" && r.IntN(5) > 0 {
			g.plant(r, root, strings.Split(from[1:], "/"), o)
		} else if from == "" && o.Op == mapping.Unwrap {
			root = g.suitable(r, o)
		}
	}
	return root
}

// plant puts a suitable value to a place, as far as what is there lets it.
func (g *generator) plant(r *rand.Rand, v *value.Value, tokens []string, o mapping.Operation) {
	name := unescape(tokens[0])
	if tokens[0] == "*" {
		if v.Kind != value.Array {
			return
		}
		for len(v.Items) < 2 && r.IntN(3) > 0 {
			v.Items = append(v.Items, g.room(tokens[1:]))
		}
		for i := range v.Items {
			if len(tokens) == 1 {
				v.Items[i] = g.suitable(r, o)
			} else {
				g.plant(r, v.Items[i], tokens[1:], o)
			}
		}
		return
	}
	if v.Kind != value.Object {
		return
	}
	if len(tokens) == 1 {
		if v.Find(name) < 0 {
			v.Set(name, g.suitable(r, o))
		}
		return
	}
	inner := v.Get(name)
	if inner == nil {
		inner = g.room(tokens[1:])
		v.Set(name, inner)
	}
	g.plant(r, inner, tokens[1:], o)
}

// room is a container for what follows.
func (g *generator) room(tokens []string) *value.Value {
	if len(tokens) > 0 && tokens[0] == "*" {
		return &value.Value{Kind: value.Array}
	}
	return &value.Value{Kind: value.Object}
}

// suitable makes a value that an operation can work on.
func (g *generator) suitable(r *rand.Rand, o mapping.Operation) *value.Value {
	switch o.Op {
	case mapping.Replace:
		keys := make([]string, 0, len(o.Values))
		for k := range o.Values {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		return value.Text(pick(r, keys))
	case mapping.Unwrap:
		if o.Name == "" {
			return &value.Value{Kind: value.Array, Items: []*value.Value{scalar(r)}}
		}
		return &value.Value{Kind: value.Object, Members: []value.Member{{Name: o.Name, Value: scalar(r)}}}
	case mapping.Convert:
		return g.convertible(r, o)
	}
	if r.IntN(6) == 0 {
		return &value.Value{Kind: value.Object, Members: []value.Member{{Name: pick(r, g.names), Value: scalar(r)}}}
	}
	return scalar(r)
}

func (g *generator) convertible(r *rand.Rand, o mapping.Operation) *value.Value {
	switch o.Type {
	case "string":
		if o.Values != nil {
			return value.Bool(r.IntN(2) == 0)
		}
		return value.Digits(numeral(r))
	case "number":
		return value.Text(numeral(r))
	case "boolean":
		if o.Values != nil {
			return value.Text(o.Values[strconv.FormatBool(r.IntN(2) == 0)])
		}
		return value.Text(strconv.FormatBool(r.IntN(2) == 0))
	}
	return mapping.Date(o.Format, time.Unix(r.Int64N(4e9), 0).UTC())
}

func numeral(r *rand.Rand) string {
	switch r.IntN(5) {
	case 0:
		return "0"
	case 1:
		return strconv.FormatInt(r.Int64()-r.Int64(), 10)
	case 2:
		return strconv.FormatFloat(r.NormFloat64(), 'g', -1, 64)
	case 3:
		return strconv.Itoa(r.IntN(100)) + ".50"
	}
	return strconv.Itoa(r.IntN(1000) - 500)
}

// scalar makes a small value of any kind but containers with something in them.
func scalar(r *rand.Rand) *value.Value {
	switch r.IntN(8) {
	case 0:
		return &value.Value{}
	case 1:
		return value.Bool(r.IntN(2) == 0)
	case 2, 3:
		return value.Digits(numeral(r))
	case 4:
		return value.Text(numeral(r))
	case 5:
		return &value.Value{Kind: pick(r, []value.Kind{value.Array, value.Object})}
	}
	return value.Text(pick(r, []string{"", "a", "true", "é\n\"", "2024-02-29", "~/", "0"}))
}

// mutate changes one place.
func (g *generator) mutate(r *rand.Rand, v *value.Value) {
	for depth := 0; depth < 6 && r.IntN(3) > 0; depth++ { // go down
		if n := len(v.Items); v.Kind == value.Array && n > 0 {
			v = v.Items[r.IntN(n)]
		} else if n := len(v.Members); v.Kind == value.Object && n > 0 {
			v = v.Members[r.IntN(n)].Value
		} else {
			break
		}
	}
	switch v.Kind {
	case value.Object:
		if n := len(v.Members); n > 0 && r.IntN(2) == 0 {
			at := r.IntN(n)
			v.Members = slices.Delete(v.Members, at, at+1)
		} else {
			v.Set(pick(r, g.names), scalar(r))
		}
	case value.Array:
		if n := len(v.Items); n > 0 {
			if at := r.IntN(n); r.IntN(2) == 0 {
				v.Items = slices.Delete(v.Items, at, at+1)
			} else {
				v.Items = append(v.Items, v.Items[at].Clone())
			}
		}
	case value.Number:
		v.Text = numeral(r)
	case value.Boolean:
		*v = *value.Bool(v.Text != "true")
	default:
		*v = *scalar(r)
	}
}
