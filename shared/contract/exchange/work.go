package exchange

import (
	"unicode/utf8"

	"sluice/shared/contract/exchange/body"
	"sluice/shared/contract/exchange/style"
	"sluice/shared/contract/schema"
)

// The bounds of a call. Those of names and values are in package style.
const (
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
	builder style.Builder
	names   style.Names // each parameter's values under its own name, then those of its members
	reader  body.Reader
	values  []string
}

func (o *Operation) begin(options Options) *work {
	w, ok := o.works.Get().(*work)
	if !ok {
		w = &work{}
	}
	w.op, w.options, w.reader.Builder = o, options, &w.builder
	w.options.Values.Direction = schema.Request
	if w.options.Values.Faults <= 0 {
		w.options.Values.Faults = maxFaults
	}
	return w
}

// end gives the work back for the next call, unless it has become large.
func (w *work) end() Result {
	result, pool := w.result, w.op.works
	clear(w.values)
	size := w.builder.Release() + w.names.Release() + w.reader.Release() + cap(w.values)*16
	w.op, w.options, w.result, w.grave = nil, Options{}, Result{}, false
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

// faults notes what was refused of a value.
func (w *work) faults(in, name string, r *schema.Result) {
	for _, f := range r.Faults {
		w.fault(Fault{in, name, f.Pointer, f.Keyword, f.Expected})
	}
	w.result.More = w.result.More || r.More
}

// clip makes a name fit to be told.
func clip(name string) string {
	plain := len(name) <= maxName
	for i := 0; plain && i < len(name); i++ {
		plain = name[i] >= ' ' && name[i] < 0x7f
	}
	if plain {
		return name
	}
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
	return string(out)
}

// valueOptions are those for one more value: as many faults as can still be told.
func (w *work) valueOptions() schema.Options {
	o := w.options.Values
	o.Faults = max(1, o.Faults-len(w.result.Faults))
	return o
}

func (w *work) mark(element uint32) { w.options.Values.Marks.Set(int(element)) }

// take judges a parameter that is there.
func (w *work) take(p *style.Parameter, values []string, spread []style.Member) {
	in := p.In
	if in == style.InQueryString {
		in = InQuery
	}
	result := w.builder.Judge(p, values, spread, w.valueOptions())
	w.faults(in, p.Name, &result)
}
