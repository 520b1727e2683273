package fleet_test

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
)

// tally counts answers by their status.
type tally struct {
	f     *fleet
	mu    sync.Mutex
	seen  map[int]int
	first map[int]answer
}

func (f *fleet) tally() *tally { return &tally{f: f, seen: map[int]int{}, first: map[int]answer{}} }

// late is what an answer counts as that only says that the store was slow. On a busy machine that is nobody's fault, and
// nobody is admitted.
const late = http.StatusServiceUnavailable

// add counts an answer. A 503 for another reason than a slow store is a fault, and so is no answer at all.
func (c *tally) add(a answer) answer {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a.status == late && a.code() != "upstream_unavailable" {
		c.f.t.Errorf("503 with code %q: %s", a.code(), a.body)
	}
	if c.seen[a.status]++; c.seen[a.status] == 1 {
		c.first[a.status] = a
	}
	return a
}

// of is how many answers had the status.
func (c *tally) of(status int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen[status]
}

// others is how many answers had none of these; 0 stands for no answer.
func (c *tally) others(statuses ...int) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for status, times := range c.seen {
		if !slices.Contains(statuses, status) {
			n += times
		}
	}
	return n
}

// only fails the test if there was any other answer, and shows the first of each kind.
func (c *tally) only(statuses ...int) {
	c.f.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for status, times := range c.seen {
		if !slices.Contains(statuses, status) {
			a := c.first[status]
			c.f.t.Errorf("%d answers %d, the first: %s (%v)", times, status, a.body, a.err)
		}
	}
}

// String is all of them.
func (c *tally) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return fmt.Sprint(c.seen)
}
