package schema

import (
	"encoding/binary"

	"sluice/shared/contract/schema/program"
)

// Marks is a set of elements of an operation, by number.
type Marks []uint64

const wordBits = 64

// NewMarks makes an empty set for the elements of an operation.
func (o *Operation) NewMarks() Marks { return make(Marks, (o.elements+wordBits-1)/wordBits) }

// Set adds an element. A number beyond the set is not added.
func (m Marks) Set(n int) {
	if n/wordBits < len(m) {
		m[n/wordBits] |= 1 << (n % wordBits)
	}
}

// Has reports whether an element is in the set.
func (m Marks) Has(n int) bool { return n/wordBits < len(m) && m[n/wordBits]&(1<<(n%wordBits)) != 0 }

// Or adds all elements of another set of the same operation.
func (m Marks) Or(other Marks) {
	for i := range min(len(m), len(other)) {
		m[i] |= other[i]
	}
}

// Elements says where the elements of a contract stand in its document, as JSON pointers.
type Elements struct {
	pool       [][]string
	operations map[string][]string
}

// DecodeElements reads what the compiler has written. The error is program.ErrVersion or program.ErrDamaged.
func DecodeElements(content []byte) (*Elements, error) {
	if len(content) == 0 {
		return nil, program.ErrDamaged
	}
	if content[0] != program.Version {
		return nil, program.ErrVersion
	}
	r := &elementReader{rest: string(content[1:])}
	pool, operations := r.count(), r.count()
	e := &Elements{operations: map[string][]string{}}
	for range pool {
		e.pool = append(e.pool, r.list())
	}
	for range operations {
		key := r.text()
		e.operations[key] = r.list()
	}
	if r.failed || len(r.rest) > 0 {
		return nil, program.ErrDamaged
	}
	return e, nil
}

// Of lists the elements of an operation by their numbers.
func (e *Elements) Of(o *Operation) []string {
	list := append([]string(nil), e.operations[o.described.Key]...)
	for _, n := range o.described.Pool {
		if int(n) < len(e.pool) {
			list = append(list, e.pool[n]...)
		}
	}
	return list
}

// elementReader takes texts off the front of what is left. After a failure it gives zero values.
type elementReader struct {
	rest   string
	failed bool
}

// count reads a number of things of at least one byte each: more than there are bytes left is a lie.
func (r *elementReader) count() int {
	var head [binary.MaxVarintLen64]byte
	v, n := binary.Uvarint(head[:copy(head[:], r.rest)])
	if n <= 0 || v > uint64(len(r.rest[n:])) {
		r.failed, r.rest = true, ""
		return 0
	}
	r.rest = r.rest[n:]
	return int(v) //nolint:gosec // G115: at most the length of a string
}

func (r *elementReader) text() string {
	n := r.count()
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

func (r *elementReader) list() []string {
	list := make([]string, r.count())
	for i := range list {
		list[i] = r.text()
	}
	return list
}
