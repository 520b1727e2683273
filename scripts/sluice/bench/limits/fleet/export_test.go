package fleet

import "time"

// Order gives the numbers of events in the order in which they happen, if they are planned for these instants.
func Order(instants []int64) []uint64 {
	var h heap
	for n, at := range instants {
		h.push(event{at: at, number: uint64(n)})
	}
	var order []uint64
	for h.len() > 0 {
		order = append(order, h.pop().number)
	}
	return order
}

// Off gives how far the clock of a new instance is off at some instants of its life.
func Off(c Config, after []time.Duration) ([]time.Duration, error) {
	w, err := build(c)
	if err != nil {
		return nil, err
	}
	i, start := w.newborn(), w.now
	var all []time.Duration
	for _, d := range after {
		w.now = start + int64(d)
		all = append(all, w.clock(i).Sub(time.Unix(0, w.now)))
	}
	return all, nil
}
