package style

// maxNames is how many values a query, a form or the cookies may have.
const maxNames = 10_000

// Names sorts named values by whose they are, in the order in which they came. The zero value is ready for use, again and
// again.
type Names struct {
	found  []occurrence
	owners []span
	values []string
	listed []Member
}

// occurrence is a value, and the next of the same owner; -1: none.
type occurrence struct {
	Member
	next int
}

// span is a list of occurrences, by their places.
type span struct{ first, last, count int }

// Restart forgets everything, for n owners.
func (n *Names) Restart(owners int) {
	clear(n.found)
	clear(n.values)
	clear(n.listed)
	n.found, n.owners, n.values = n.found[:0], n.owners[:0], n.values[:0]
	for range owners {
		n.Add()
	}
}

// Add gives the number of one more owner.
func (n *Names) Add() int {
	n.owners = append(n.owners, span{-1, -1, 0})
	return len(n.owners) - 1
}

// Owners tells how many owners there are.
func (n *Names) Owners() int { return len(n.owners) }

// Keep notes a value. False if there are too many.
func (n *Names) Keep(owner int, m Member) bool {
	if len(n.found) >= maxNames {
		return false
	}
	n.found = append(n.found, occurrence{m, -1})
	at, s := len(n.found)-1, &n.owners[owner]
	if s.first < 0 {
		s.first = at
	} else {
		n.found[s.last].next = at
	}
	s.last = at
	s.count++
	return true
}

// Count tells how many values an owner has.
func (n *Names) Count(owner int) int { return n.owners[owner].count }

// First gives the first value of an owner that has one.
func (n *Names) First(owner int) Member { return n.found[n.owners[owner].first].Member }

// Values gives the values of an owner. They are valid until the next call.
func (n *Names) Values(owner int) []string {
	n.values = n.values[:0]
	for i := n.owners[owner].first; i >= 0; i = n.found[i].next {
		n.values = append(n.values, n.found[i].Value)
	}
	return n.values
}

// Members gives the values of an owner with their names. They are valid until the next call.
func (n *Names) Members(owner int) []Member {
	n.listed = n.listed[:0]
	for i := n.owners[owner].first; i >= 0; i = n.found[i].next {
		n.listed = append(n.listed, n.found[i].Member)
	}
	return n.listed
}

// Release forgets everything, and tells how many bytes of memory are held.
func (n *Names) Release() int {
	n.Restart(0)
	const occurrences, spans, texts, members = 48, 24, 16, 40
	return cap(n.found)*occurrences + cap(n.owners)*spans + cap(n.values)*texts + cap(n.listed)*members
}
