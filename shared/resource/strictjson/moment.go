package strictjson

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// format is what a text stands for. Of those in use only date-time is held against anything; int64 and double say how wide a
// variable for a number must be.
type format string

const dateTime format = "date-time"

// UnmarshalJSON reads one of the formats in use.
func (f *format) UnmarshalJSON(text []byte) error {
	var name string
	if err := json.Unmarshal(text, &name); err != nil {
		return err
	}
	if *f = format(name); *f != dateTime && *f != "int64" && *f != "double" {
		return fmt.Errorf("the format %q is not known", name)
	}
	return nil
}

// isMoment reports whether a text is a date-time of RFC 3339, §5.6: with t and z in either case, and with a leap second where
// one can be.
func isMoment(s string) bool {
	s = strings.ToUpper(s)
	if len(s) < len("2006-01-02T15:04:05Z") || s[13] != ':' || s[16] != ':' || strings.Contains(s, ",") {
		return false
	}
	leap := s[17:19] == "60"
	if leap {
		s = s[:17] + "59" + s[19:]
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return false
	}
	if n := len(s); s[n-1] != 'Z' && (s[n-5:n-3] > "23" || s[n-2:] > "59") { // which Go allows
		return false
	}
	t = t.UTC()
	return !leap || t.Hour() == 23 && t.Minute() == 59
}
