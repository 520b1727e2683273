package tape

// Builder puts values that do not come as JSON onto a tape: decoded parameters and forms. The zero value is ready for use.
type Builder struct {
	tape Tape
	open []int
}

// Tape gives what was built: exactly one value, with every container ended. It is valid until the next Reset.
func (b *Builder) Tape() *Tape { return &b.tape }

// Reset begins anew.
func (b *Builder) Reset() {
	b.tape.Reset(b.tape.Source[:0])
	b.open = b.open[:0]
}

func (b *Builder) add(kind Kind, text string) {
	start := len(b.tape.Source)
	b.tape.Source = append(b.tape.Source, text...)
	b.tape.Tokens = append(b.tape.Tokens, Token{Kind: kind, Start: uint32(start), End: uint32(len(b.tape.Source))}) //nolint:gosec // G115: a call is small
	if n := len(b.open); n > 0 && kind != Name {
		b.tape.Tokens[b.open[n-1]].Count++
	}
}

// Null adds null.
func (b *Builder) Null() { b.add(Null, "") }

// Bool adds true or false.
func (b *Builder) Bool(v bool) {
	if v {
		b.add(True, "true")
	} else {
		b.add(False, "false")
	}
}

// Number adds a number, which must be written as JSON writes it.
func (b *Builder) Number(text string) { b.add(Number, text) }

// String adds a string.
func (b *Builder) String(text string) { b.add(String, text) }

// Text adds bare text, of which the schema says whether it is a number, a boolean, null or a string.
func (b *Builder) Text(text string) { b.add(Text, text) }

// Name adds the name of a member; its value follows. Names are to be told once by whoever builds.
func (b *Builder) Name(text string) { b.add(Name, text) }

// Array begins an array.
func (b *Builder) Array() { b.begin(Array) }

// Object begins an object.
func (b *Builder) Object() { b.begin(Object) }

func (b *Builder) begin(kind Kind) {
	b.add(kind, "")
	b.open = append(b.open, len(b.tape.Tokens)-1)
}

// End ends the innermost container.
func (b *Builder) End() {
	if n := len(b.open); n > 0 {
		k := &b.tape.Tokens[b.open[n-1]]
		k.Next = uint32(len(b.tape.Tokens)) //nolint:gosec // G115: a call is small
		b.open = b.open[:n-1]
	}
}

// Numeral reports whether a text is a number as JSON writes it, within limits.
func Numeral(text []byte) bool {
	var t Tape
	r := reader{Tape: &t, limits: Standard()}
	t.Source = text
	r.number()
	return r.fault == nil && r.pos == len(text)
}
