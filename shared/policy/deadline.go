package policy

import (
	"context"
	"sync/atomic"
	"time"
)

// stepsPerLook is how many steps an evaluation takes between two looks at the clock: about half a millisecond of work, and
// several times what a decision takes. A decision of ordinary length thus never fails for being paused: a Lambda with little
// memory gets its processor in slices, with tens of milliseconds between them.
const stepsPerLook = 1024

// deadline ends one evaluation when its context has ended or its time is up. The evaluator asks it at every step, so that it
// needs no timer and no goroutine that could outlive the call.
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
	d.steps++
	late := d.steps%stepsPerLook == 0 && !d.now().Before(d.until)
	if late || d.ctx.Err() != nil {
		d.ended.Store(true)
		return true
	}
	return false
}
