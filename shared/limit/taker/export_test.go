package taker

// Hurry makes a Taker write without pauses, for tests whose clock stands still. It comes before the first call.
func (t *Taker) Hurry() *Taker {
	t.options.Unpaced = true
	return t
}
