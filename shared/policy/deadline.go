package policy

import (
	"context"
	"sync/atomic"
	"time"
)

// deadline ends one evaluation when its context has ended or its time is up. The evaluator asks it at every step, so that it
// needs no timer and no goroutine that could outlive the call. It looks at the clock only at every 64th step.
type deadline struct {
	ctx   context.Context
	now   func() time.Time
	until time.Time
	steps uint
	ended atomic.Bool
}

// Cancel ends the evaluation.
func (d *deadline) Cancel() { d.ended.Store(true) }

// Cancelled reports whether the evaluation shall end.
func (d *deadline) Cancelled() bool {
	if d.ended.Load() {
		return true
	}
	late := d.steps%64 == 0 && !d.now().Before(d.until)
	d.steps++
	if late || d.ctx.Err() != nil {
		d.ended.Store(true)
		return true
	}
	return false
}
