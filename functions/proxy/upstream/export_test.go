package upstream

import (
	"net/http"
	"time"
)

// Known is how many upstreams a client remembers.
func Known(c *Client) int { return len(c.peers.all()) }

// RetryAfter reads the field of that name.
func RetryAfter(h http.Header, now time.Time) time.Duration { return retryAfter(h, now) }

// Budget is a budget of retries.
type Budget struct{ budget }

// Deposit pays in for a call.
func (b *Budget) Deposit(percent int, now time.Time) { b.deposit(percent, now) }

// Take pays for a repetition.
func (b *Budget) Take(now time.Time) bool { return b.take(now) }
