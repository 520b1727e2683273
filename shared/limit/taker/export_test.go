package taker

import "time"

// Hurry makes a Taker write without pauses, for tests whose clock stands still.
func (t *Taker) Hurry() *Taker {
	t.pause = func(time.Duration) {}
	return t
}
