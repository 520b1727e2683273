package schema

import (
	"cmp"
	"hash/maphash"
	"slices"
	"strconv"

	"sluice/shared/contract/schema/program"
	"sluice/shared/contract/schema/tape"
)

// array holds an array against a schema.
func (r *run) array(n *program.Array, at int, track bool) bool {
	count, ok := uint64(r.Tokens[at].Count), true
	if count < n.Min {
		ok = r.fault(at, "minItems", func() string { return "at least " + strconv.FormatUint(n.Min, 10) + " elements" })
	}
	if n.Max > 0 && count >= n.Max {
		ok = r.fault(at, "maxItems", func() string { return "at most " + strconv.FormatUint(n.Max-1, 10) + " elements" })
	}
	fits := uint64(0)
	next := at + 1
	for i := range int(r.Tokens[at].Count) {
		if !ok && r.quiet > 0 {
			return false
		}
		element := next
		next = r.Next(element)
		switch {
		case i < len(n.Prefix):
			ok = r.location(n.Prefix[i], element) && ok
			r.look(element, track)
		case n.Items != program.None:
			ok = r.location(n.Items, element) && ok
			r.look(element, track)
		}
		if n.Contains != program.None && r.holds(n.Contains, element) {
			fits++
			r.look(element, track)
		}
	}
	if n.Contains != program.None && fits < n.Fewest {
		ok = r.fault(at, "contains", func() string { return "at least " + strconv.FormatUint(n.Fewest, 10) + " elements of a certain form" })
	}
	if n.Contains != program.None && n.Most > 0 && fits >= n.Most {
		ok = r.fault(at, "maxContains", func() string { return "at most " + strconv.FormatUint(n.Most-1, 10) + " elements of a certain form" })
	}
	if n.Unique && (ok || r.quiet == 0) {
		ok = r.unique(at) && ok
	}
	return ok
}

// holds tells whether a value of a place of its own fits a schema, and nothing else of it.
func (r *run) holds(id program.ID, at int) bool {
	r.quiet++
	start := r.here()
	ok := r.location(id, at)
	if !ok {
		r.back(start)
	}
	r.quiet--
	return ok
}

// hashed is an element and a hash that equal values share.
type hashed struct {
	hash  uint64
	token int
}

// unique judges whether no two elements are equal: only those with the same hash are compared.
func (r *run) unique(at int) bool {
	seed, from := r.operation.contract.seed, len(r.hashes)
	next := at + 1
	for range r.Tokens[at].Count {
		r.hashes = append(r.hashes, hashed{r.hash(seed, next), next})
		next = r.Next(next)
	}
	list := r.hashes[from:]
	defer func() { r.hashes = r.hashes[:from] }()
	slices.SortFunc(list, func(a, b hashed) int { return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.token, b.token)) })
	for i := 1; i < len(list); i++ {
		for j := i - 1; j >= 0 && list[j].hash == list[i].hash; j-- {
			same, left, ok := tape.Equal(r.Tape, list[j].token, r.Tape, list[i].token, max(r.steps, 0))
			if !ok {
				return r.exhausted(at)
			}
			if r.steps = left; same {
				return r.fault(list[i].token, "uniqueItems", func() string { return "no element twice" })
			}
		}
	}
	return true
}

// hash gives the same number for equal values: numbers by value, members in any order.
func (r *run) hash(seed maphash.Seed, at int) uint64 {
	k := &r.Tokens[at]
	const spread = 0x9E3779B97F4A7C15
	switch k.Kind {
	case tape.String, tape.Name, tape.Text:
		return maphash.Bytes(seed, r.Bytes(at))
	case tape.Number:
		n := r.decimal(r.Bytes(at))
		h := maphash.Bytes(seed, n.Digits) + uint64(n.Exponent)*spread //nolint:gosec // G115: any number will do
		if n.Negative && len(n.Digits) > 0 {
			h = ^h
		}
		return h
	case tape.Array:
		h, next := uint64(k.Count), at+1
		for range k.Count {
			h = (h ^ r.hash(seed, next)) * spread
			next = r.Next(next)
		}
		return h
	case tape.Object:
		h, next := uint64(k.Count)*spread, at+1
		for range k.Count {
			h += (maphash.Bytes(seed, r.Bytes(next)) ^ spread) * (r.hash(seed, next+1) | 1)
			next = r.Next(next + 1)
		}
		return h
	case tape.Null, tape.False, tape.True:
	}
	return uint64(k.Kind) * spread
}
