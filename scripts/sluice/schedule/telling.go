package schedule

import "context"

// Telling makes a call for Run that tells of the first of several failures, and of their end: a schedule goes on through an
// outage, and a line for each failure would hide all others. What fails because the context has ended is not told.
func Telling(call func(context.Context) error, say func(format string, args ...any)) func(context.Context) {
	failing := false
	return func(ctx context.Context) {
		switch err := call(ctx); {
		case ctx.Err() != nil:
		case err != nil && !failing:
			failing = true
			say("fails: %v", err)
		case err == nil && failing:
			failing = false
			say("works again")
		}
	}
}
