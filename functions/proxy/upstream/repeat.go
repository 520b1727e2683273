package upstream

import (
	"context"
	"errors"
	"net/http"
	"net/url"
)

// sending is the context of one attempt. By it the transport finds out that net/http is about to send the request again.
type sending struct {
	context.Context
	trip  *trip
	begun bool // the one goroutine that carries the request out asks for it
}

type sendingKey struct{}

// Value gives the sending itself, and what its context has.
func (s *sending) Value(k any) any {
	if k == (sendingKey{}) {
		return s
	}
	return s.Context.Value(k)
}

var errUnpaid = errors.New("a kept connection broke, and the budget has no repetition left")

// again is asked each time that net/http sends the request. From the second time on it is a repetition like any other: there
// may be as many kept connections as there were calls at once, and all of them may break.
func (s *sending) again() error {
	if !s.begun {
		s.begun = true
		return nil
	}
	t := s.trip
	if !t.peer.budget.take(t.client.now()) {
		return errUnpaid
	}
	t.sent.Add(1)
	return nil
}

// paid is a transport's choice of proxy, via or none. net/http asks for it whenever it sends a request, and this is where it
// can be stopped.
func paid(via func(*http.Request) (*url.URL, error)) func(*http.Request) (*url.URL, error) {
	return func(r *http.Request) (*url.URL, error) {
		if s, ok := r.Context().Value(sendingKey{}).(*sending); ok {
			if err := s.again(); err != nil {
				return nil, err
			}
		}
		if via == nil {
			return nil, nil
		}
		return via(r)
	}
}
