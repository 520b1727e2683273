package usage_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/shared/usage"
)

func instant(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestWindows(t *testing.T) {
	for promise, c := range map[string]struct {
		step            usage.Step
		at, start, next string
	}{
		"a minute begins at its second 0":         {usage.Minute, "2026-11-23T19:02:59.999Z", "2026-11-23T19:02:00Z", "2026-11-23T19:03:00Z"},
		"an hour begins at its minute 0":          {usage.Hour, "2026-12-31T23:59:59Z", "2026-12-31T23:00:00Z", "2027-01-01T00:00:00Z"},
		"a day begins at midnight UTC":            {usage.Day, "2026-11-23T00:30:00+02:00", "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z"},
		"a month begins on its first":             {usage.Month, "2024-02-29T12:00:00Z", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"},
		"a month's length does not matter":        {usage.Month, "2026-01-31T23:59:59Z", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"},
		"the start of a window lies in it":        {usage.Hour, "2026-11-23T19:00:00Z", "2026-11-23T19:00:00Z", "2026-11-23T20:00:00Z"},
		"clock changes elsewhere leave UTC alone": {usage.Hour, "2026-10-25T02:30:00+01:00", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"},
	} {
		t.Run(promise, func(t *testing.T) {
			at := instant(t, c.at)
			if got := c.step.Start(at); !got.Equal(instant(t, c.start)) || got.Location() != time.UTC {
				t.Errorf("starts at %v, want %v", got, c.start)
			}
			if got := c.step.Next(at); !got.Equal(instant(t, c.next)) {
				t.Errorf("the next one starts at %v, want %v", got, c.next)
			}
		})
	}
}

func TestWindowsCoverTimeWithoutGapOrOverlap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		step := rapid.SampledFrom(usage.Steps()).Draw(t, "step")
		at := time.Unix(rapid.Int64Range(946684800, 7258118399).Draw(t, "at"), rapid.Int64Range(0, 999999999).Draw(t, "ns"))
		start, next := step.Start(at), step.Next(at)
		if start.After(at) || !next.After(at) || !step.Start(next).Equal(next) || !step.Start(next.Add(-1)).Equal(start) {
			t.Fatalf("%v lies in %v..%v", at, start, next)
		}
	})
}
