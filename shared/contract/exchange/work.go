package exchange

import (
	"unicode/utf8"

	"sluice/shared/contract/schema"
	"sluice/shared/contract/schema/tape"
)

// The bounds of a call.
const (
	maxPairs  = 10_000  // of a query or form
	maxPieces = 100_000 // elements and members of one parameter or form
	maxFaults = 20
	maxName   = 100     // bytes of a name that are told
	maxKept   = 1 << 20 // bytes of memory that are kept for the next call
)

// work is what one call needs; it is used again for the next.
type work struct {
	op      *Operation
	options Options
	result  Result
	grave   bool // there is a fault that is neither of media types nor of acceptance
	builder tape.Builder
	json    tape.Tape
	found   []occurrence
	heads   []span // of found, for each parameter, or for each name of a form
	byName  map[string]int
	values  []string
	left    int // how many pieces may still be built
}

// occurrence is a value under a name, as it stands in the call.
type occurrence struct {
	name  string // decoded
	value string
	next  int // the next of the same owner, -1: none
	kind  pieceKind
}

// span is a list of occurrences, by their places.
type span struct{ first, last, count int }

func (o *Operation) begin(options Options) *work {
	w, ok := o.works.Get().(*work)
	if !ok {
		w = &work{}
	}
	w.op, w.options, w.result, w.grave = o, options, Result{}, false
	w.options.Values.Direction = schema.Request
	if w.options.Values.Faults <= 0 {
		w.options.Values.Faults = maxFaults
	}
	return w
}

// end gives the work back for the next call, unless it has become large.
func (w *work) end() Result {
	result := w.result
	size := w.builder.Tape().Size() + cap(w.builder.Tape().Source) + w.json.Size() + cap(w.found)*48 + cap(w.values)*16 + cap(w.heads)*24
	clear(w.found)
	clear(w.values)
	clear(w.byName)
	w.json.Source = nil
	pool := w.op.works
	w.op, w.options, w.result = nil, Options{}, Result{}
	if size <= maxKept {
		pool.Put(w)
	}
	return result
}

// fault notes why the call is refused.
func (w *work) fault(f Fault) {
	if f.Keyword != MediaType && f.Keyword != Acceptable || f.Pointer != "" {
		w.grave = true
	}
	if len(w.result.Faults) >= w.options.Values.Faults {
		w.result.More = true
		return
	}
	f.Name = clip(f.Name)
	w.result.Faults = append(w.result.Faults, f)
}

// faults notes what a schema refused.
func (w *work) faults(in, name string, r *schema.Result) {
	for _, f := range r.Faults {
		w.fault(Fault{in, name, f.Pointer, f.Keyword, f.Expected})
	}
	w.result.More = w.result.More || r.More
}

// clip makes a name fit to be told.
func clip(name string) string { return string(clean(name)) }

func clean(name string) []byte {
	if len(name) > maxName {
		name = name[:maxName] + "…"
	}
	out := make([]byte, 0, len(name))
	for _, r := range name {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			r = '?'
		}
		out = utf8.AppendRune(out, r)
	}
	return out
}

// values gives options for one more value: as many faults as can still be told.
func (w *work) valueOptions() schema.Options {
	o := w.options.Values
	o.Faults = max(1, o.Faults-len(w.result.Faults))
	return o
}

func (w *work) mark(element uint32) { w.options.Values.Marks.Set(int(element)) }

// restart forgets what was found, for n owners.
func (w *work) restart(n int) {
	w.found, w.heads = w.found[:0], w.heads[:0]
	for range n {
		w.heads = append(w.heads, span{-1, -1, 0})
	}
}

// keep notes a value of an owner. False if there are too many.
func (w *work) keep(owner int, one occurrence) bool {
	if len(w.found) >= maxPairs {
		return false
	}
	one.next = -1
	w.found = append(w.found, one)
	at, s := len(w.found)-1, &w.heads[owner]
	if s.first < 0 {
		s.first = at
	} else {
		w.found[s.last].next = at
	}
	s.last = at
	s.count++
	return true
}

// of gives the values of an owner. They are valid until the next call.
func (w *work) of(owner int) []string {
	w.values = w.values[:0]
	for i := w.heads[owner].first; i >= 0; i = w.found[i].next {
		w.values = append(w.values, w.found[i].value)
	}
	return w.values
}
