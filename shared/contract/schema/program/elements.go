package program

// Elements says where the elements of a contract stand in its document, as JSON pointers.
type Elements struct {
	pool       [][]string
	operations map[string][]string
}

// DecodeElements reads what the compiler has written. The error is ErrVersion or ErrDamaged.
func DecodeElements(content []byte) (*Elements, error) {
	if len(content) == 0 {
		return nil, ErrDamaged
	}
	if content[0] != Version {
		return nil, ErrVersion
	}
	r := &reader{rest: string(content[1:])}
	pool, operations := r.count(), r.count()
	e := &Elements{operations: map[string][]string{}}
	for range pool {
		e.pool = append(e.pool, r.rawList())
	}
	for range operations {
		key := r.raw()
		e.operations[key] = r.rawList()
	}
	if r.failed || len(r.rest) > 0 {
		return nil, ErrDamaged
	}
	return e, nil
}

// Of lists the elements of an operation by their numbers.
func (e *Elements) Of(o *Operation) []string {
	list := append([]string(nil), e.operations[o.Key]...)
	for _, n := range o.Pool {
		if int(n) < len(e.pool) {
			list = append(list, e.pool[n]...)
		}
	}
	return list
}

func (r *reader) raw() string {
	n := r.count()
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

func (r *reader) rawList() []string {
	list := make([]string, r.count())
	for i := range list {
		list[i] = r.raw()
	}
	return list
}
