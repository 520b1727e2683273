package policy

import (
	"encoding/binary"
	"slices"
	"sync"

	"sluice/shared/catalog"
)

// The bounds of one generation of a memo; there are two. A key has some 200 bytes: with both full it is about a megabyte.
const (
	memoEntries  = 2048
	memoBytes    = 512 << 10
	memoKeyBytes = 4 << 10 // a longer key is not worth it
)

// memo remembers verdicts by the facts that they follow from. A policy is a function of its input, which capabilities sees
// to, so the same facts have the same verdict for as long as the policy is the same; and the key is those facts in full, not
// a hash of them. Errors are not remembered. When the younger generation is full it becomes the older one, and what is
// still asked for moves back.
type memo struct {
	path bool // the call's path is one of the facts

	mu         sync.Mutex
	young, old map[string]Verdict
	bytes      int // of young's keys
}

// verdict gives what is remembered. A denial's reasons are the caller's own copy.
func (m *memo) verdict(key []byte) (Verdict, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.young[string(key)]
	if !ok {
		if v, ok = m.old[string(key)]; !ok {
			return Verdict{}, false
		}
		m.add(string(key), v)
	}
	v.Reasons = slices.Clone(v.Reasons)
	return v, true
}

// keep remembers a verdict.
func (m *memo) keep(key []byte, v Verdict) {
	if len(key) > memoKeyBytes {
		return
	}
	v.Reasons = slices.Clone(v.Reasons)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.add(string(key), v)
}

func (m *memo) add(key string, v Verdict) {
	if m.young == nil || len(m.young) >= memoEntries || m.bytes+len(key) > memoBytes {
		m.old, m.young, m.bytes = m.young, make(map[string]Verdict), 0
	}
	m.young[key] = v
	m.bytes += len(key)
}

// key appends all facts of the input that its term has, but the call's path only if it is wanted. No two inputs with
// different facts share one: each part says first whether it is there, each list how many it has, each text how long it is.
func (in *AccessInput) key(b []byte, path bool) []byte {
	if in == nil {
		return append(b, absent)
	}
	b = texts(append(b, present), string(in.Plane), in.Method)
	switch {
	case in.Path == "":
		b = append(b, absent)
	case path:
		b = texts(append(b, present), in.Path)
	default:
		b = append(b, present)
	}
	if c := in.Credential; c != nil {
		b = texts(append(b, present, bit(c.Revoked), bit(c.Expired)), string(c.Kind))
	} else {
		b = append(b, absent)
	}
	b = identity(b, in.Consumer, in.App)
	b = list(b, in.Scopes)
	return product(b, in.Subscription, in.API, in.Version, in.Operation)
}

func identity(b []byte, c *catalog.Consumer, a *catalog.App) []byte {
	if c != nil {
		b = texts(append(b, present), string(c.ID), string(c.Kind))
	} else {
		b = append(b, absent)
	}
	if a != nil {
		return texts(append(b, present), string(a.ID), string(a.Consumer))
	}
	return append(b, absent)
}

func product(b []byte, s *catalog.Subscription, a *catalog.API, v *catalog.Version, o *Operation) []byte {
	if s != nil {
		b = texts(append(b, present), string(s.App), string(s.API), string(s.State))
	} else {
		b = append(b, absent)
	}
	if a != nil {
		b = texts(append(b, present), string(a.ID), string(a.Audience), string(a.Kind))
	} else {
		b = append(b, absent)
	}
	if v != nil {
		b = texts(append(b, present), string(v.API), string(v.Version), string(v.State))
	} else {
		b = append(b, absent)
	}
	if o == nil {
		return append(b, absent)
	}
	b = binary.AppendUvarint(texts(append(b, present), o.ID, o.Method, o.Template), uint64(len(o.Scopes)))
	for _, alternative := range o.Scopes {
		b = list(b, alternative)
	}
	return b
}

// Marks of a part.
const (
	absent  = 0
	present = 1
)

func bit(v bool) byte {
	if v {
		return 1
	}
	return 0
}

func list(b []byte, all []string) []byte {
	return texts(binary.AppendUvarint(b, uint64(len(all))), all...)
}

func texts(b []byte, all ...string) []byte {
	for _, s := range all {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	return b
}
