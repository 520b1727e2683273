package soak

// Counts makes what an app has seen, for tests.
func Counts(good, refused, failed, unanswered int64) counts {
	return counts{Good: good, Refused: refused, Failed: failed, Unanswered: unanswered}
}
