package contract

import (
	"compress/flate"
	"encoding/binary"
	"slices"
	"strings"
)

// The content of an index chunk is a list of distinct scope requirements, then a list of operations that name one of
// them by its place. All counts and lengths are varints. The tree is not stored: building it anew costs less than
// reading it, and makes a malformed tree impossible.

// Encode makes the index chunk. Equal indexes give equal bytes.
func (ix *Index) Encode() ([]byte, error) {
	var needs [][][]string
	places := make(map[string]int)
	place := make([]int, len(ix.operations))
	for i, op := range ix.operations {
		key := string(appendScopes(nil, op.Scopes))
		at, known := places[key]
		if !known {
			at = len(needs)
			places[key] = at
			needs = append(needs, op.Scopes)
		}
		place[i] = at
	}
	b := binary.AppendUvarint(nil, uint64(len(needs)))
	for _, scopes := range needs {
		b = appendScopes(b, scopes)
	}
	b = binary.AppendUvarint(b, uint64(len(ix.operations)))
	for i, op := range ix.operations {
		b = appendText(b, op.ID)
		b = appendText(b, op.Method)
		b = appendText(b, op.Template)
		b = binary.AppendUvarint(b, uint64(place[i])) //nolint:gosec // G115: a place in a slice is not negative
	}
	return Pack(b, flate.BestCompression)
}

// DecodeIndex reads an index chunk. Anything else than what Encode made is refused with an error; it never panics.
func DecodeIndex(chunk []byte) (*Index, error) {
	content, err := Unpack(chunk)
	if err != nil {
		return nil, err
	}
	return decodeIndex(content)
}

// decodeIndex reads the content of an index chunk.
func decodeIndex(content []byte) (*Index, error) {
	r := reader{rest: string(content)}
	needs := make([][][]string, min(r.count(), MaxOperations))
	for i := range needs {
		needs[i] = r.scopes()
	}
	operations := make([]Operation, min(r.count(), MaxOperations))
	for i := range operations {
		op := &operations[i]
		op.ID, op.Method, op.Template = r.text(), r.text(), r.text()
		at := r.number()
		if r.failed || at >= uint64(len(needs)) {
			return nil, ErrChunk
		}
		op.Scopes = needs[at]
	}
	if r.failed || len(r.rest) > 0 {
		return nil, ErrChunk
	}
	ix, err := NewIndex(operations)
	if err != nil {
		return nil, err
	}
	return ix, nil
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendScopes(b []byte, scopes [][]string) []byte {
	b = binary.AppendUvarint(b, uint64(len(scopes)))
	for _, all := range scopes {
		b = binary.AppendUvarint(b, uint64(len(all)))
		for _, scope := range all {
			b = appendText(b, scope)
		}
	}
	return b
}

// reader takes values off the front of what is left; the texts share its memory. After a failure it gives zero values.
type reader struct {
	rest   string
	failed bool
}

func (r *reader) number() uint64 {
	var head [binary.MaxVarintLen64]byte
	v, n := binary.Uvarint(head[:copy(head[:], r.rest)])
	if n <= 0 || r.failed {
		r.failed, r.rest = true, ""
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

// count reads a number of things of at least one byte each: more than there are bytes left is a lie.
func (r *reader) count() int {
	n := r.number()
	if n > uint64(len(r.rest)) {
		r.failed, r.rest = true, ""
		return 0
	}
	return int(n) //nolint:gosec // G115: at most the length of a slice
}

func (r *reader) text() string {
	n := r.count()
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

func (r *reader) scopes() [][]string {
	n := r.count()
	if n == 0 {
		return nil
	}
	scopes := make([][]string, n)
	for i := range scopes {
		scopes[i] = make([]string, r.count())
		for j := range scopes[i] {
			scopes[i][j] = r.text()
		}
	}
	return scopes
}

// Alternatives brings scope requirements into their one shortest form: sorted, without repetitions and without
// alternatives that another one makes superfluous. An alternative that needs nothing makes all of them superfluous.
func Alternatives(scopes [][]string) [][]string {
	var all [][]string
	for _, alternative := range scopes {
		a := slices.Clone(alternative)
		slices.Sort(a)
		all = append(all, slices.Compact(a))
	}
	slices.SortFunc(all, func(a, b []string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return slices.Compare(a, b)
	})
	var kept [][]string
	for _, a := range all {
		if len(a) == 0 {
			return nil
		}
		if !slices.ContainsFunc(kept, func(k []string) bool { return subset(k, a) }) {
			kept = append(kept, a)
		}
	}
	return kept
}

// subset reports whether all of a, sorted, are in b, sorted.
func subset(a, b []string) bool {
	for _, s := range a {
		if _, found := slices.BinarySearchFunc(b, s, strings.Compare); !found {
			return false
		}
	}
	return true
}
