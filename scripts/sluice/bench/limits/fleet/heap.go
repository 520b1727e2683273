package fleet

// kind is what an event is.
type kind uint8

const (
	callBegins     kind = iota // on a slot
	callEnds                   // on a slot; number is the call's
	sent                       // of a flight; number is the attempt's
	arrives                    // likewise
	arrivesUnheard             // likewise: whatever comes of it, no answer does
	answered                   // likewise
	failed                     // likewise: an error in place of an answer
	flightCrashes              // of a flight: its instance ends
	phaseBegins                // number is the phase's
	crashes                    // of some instance
	stops                      // likewise
	outageBegins
)

// event is something that will happen.
type event struct {
	at     int64
	order  uint64 // of those at one instant, the one that was planned first is first
	number uint64
	on     int32
	kind   kind
}

// heap is the events to come, with four children a node: it is half as deep as one with two.
type heap struct {
	events []event
	order  uint64
}

func (h *heap) len() int { return len(h.events) }

func (h *heap) push(e event) {
	h.order++
	e.order = h.order
	h.events = append(h.events, e)
	i := len(h.events) - 1
	for i > 0 {
		up := (i - 1) / 4
		if !e.before(&h.events[up]) {
			break
		}
		h.events[i] = h.events[up]
		i = up
	}
	h.events[i] = e
}

func (h *heap) pop() event {
	first, n := h.events[0], len(h.events)-1
	last := h.events[n]
	h.events = h.events[:n]
	if n == 0 {
		return first
	}
	i := 0
	for {
		least, from := -1, 4*i+1
		for k := from; k < min(from+4, n); k++ {
			if least < 0 || h.events[k].before(&h.events[least]) {
				least = k
			}
		}
		if least < 0 || !h.events[least].before(&last) {
			break
		}
		h.events[i] = h.events[least]
		i = least
	}
	h.events[i] = last
	return first
}

func (e *event) before(o *event) bool { return e.at < o.at || (e.at == o.at && e.order < o.order) }
