package schema

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
