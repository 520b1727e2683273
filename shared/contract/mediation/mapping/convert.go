package mapping

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"sluice/shared/contract/mediation/value"
	"sluice/shared/contract/schema/tape"
)

// format is a way to write a date.
type format struct {
	layout string // of package time; "" for a count
	unit   int64  // of a count: nanoseconds
	day    bool   // says the day only
	zoned  bool   // may be written in other zones, and with fractions
}

// formats are the ways that a declaration can name.
func formats() map[string]format {
	return map[string]format{
		"date":              {layout: time.DateOnly, day: true},
		"date-basic":        {layout: "20060102", day: true},
		"date-dmy-dots":     {layout: "02.01.2006", day: true},
		"date-dmy-slashes":  {layout: "02/01/2006", day: true},
		"date-mdy-slashes":  {layout: "01/02/2006", day: true},
		"date-time":         {layout: time.RFC3339Nano, zoned: true},
		"date-time-basic":   {layout: "20060102T150405Z"},
		"date-time-compact": {layout: "20060102150405"},
		"date-time-sql":     {layout: time.DateTime},
		"http-date":         {layout: "Mon, 02 Jan 2006 15:04:05 GMT"},
		"unix":              {unit: int64(time.Second)},
		"unix-ms":           {unit: int64(time.Millisecond)},
	}
}

func formatNames() string { return strings.Join(slices.Sorted(maps.Keys(formats())), ", ") }

// convert gives the value in another type, or says what is in the way. null stays null: it says that there is no value.
func convert(o Operation, v *value.Value) (out *value.Value, why string) {
	if v.Kind == value.Null {
		return v, ""
	}
	if o.Type == "date" {
		return date(formats()[o.Format], formats()[o.Result], o, v)
	}
	if v.Kind == value.Array || v.Kind == value.Object {
		return nil, "cannot be made a " + o.Type + ", it is an " + v.Kind.String()
	}
	switch o.Type {
	case "string":
		if v.Kind == value.Boolean && o.Values != nil {
			return value.Text(o.Values[v.Text]), ""
		}
		if v.Kind == value.String {
			return v, ""
		}
		return value.Text(v.Text), ""
	case "number":
		return number(o, v)
	}
	return boolean(o, v)
}

func number(o Operation, v *value.Value) (out *value.Value, why string) {
	switch v.Kind {
	case value.Boolean:
		text := "0"
		if v.Text == "true" {
			text = "1"
		}
		if o.Values != nil {
			text = o.Values[v.Text]
		}
		if !tape.Numeral([]byte(text)) {
			return nil, "true and false are not spelled as numbers"
		}
		return value.Digits(text), ""
	case value.String:
		if !tape.Numeral([]byte(v.Text)) {
			return nil, "must be a text that is a number"
		}
		return value.Digits(v.Text), ""
	default:
		return v, ""
	}
}

func boolean(o Operation, v *value.Value) (out *value.Value, why string) {
	if v.Kind == value.Boolean {
		return v, ""
	}
	yes, no := "true", "false"
	if v.Kind == value.Number {
		yes, no = "1", "0"
	}
	if o.Values != nil {
		yes, no = o.Values["true"], o.Values["false"]
	}
	switch v.Text {
	case yes:
		return value.Bool(true), ""
	case no:
		return value.Bool(false), ""
	}
	return nil, "must be " + clip(strconv.Quote(yes)) + " or " + clip(strconv.Quote(no))
}

// date writes a date in another way. Times without a zone are UTC.
func date(from, to format, o Operation, v *value.Value) (out *value.Value, why string) {
	at, ok := from.read(v)
	if !ok {
		return nil, "must be a " + o.Format
	}
	if to.unit > 0 {
		n := at.Unix()
		if to.unit == int64(time.Millisecond) {
			n = at.UnixMilli()
		}
		return value.Digits(strconv.FormatInt(n, 10)), ""
	}
	if year := at.Year(); year < 0 || year > 9999 {
		return nil, "must be in the years 0 to 9999"
	}
	return value.Text(at.Format(to.layout)), ""
}

// read reads a date. What is written in a way that writing it again would not give is refused, so that nothing is lost unseen;
// only of date-time there are several ways.
func (f format) read(v *value.Value) (time.Time, bool) {
	if f.unit > 0 {
		n, err := strconv.ParseInt(v.Text, 10, 64)
		const most = 1 << 48 // in milliseconds, some 9,000 years
		if v.Kind != value.Number || err != nil || n > most || n < -most || strconv.FormatInt(n, 10) != v.Text {
			return time.Time{}, false
		}
		if f.unit == int64(time.Second) {
			return time.Unix(n, 0).UTC(), true
		}
		return time.UnixMilli(n).UTC(), true
	}
	if v.Kind != value.String {
		return time.Time{}, false
	}
	at, err := time.Parse(f.layout, v.Text)
	at = at.UTC()
	return at, err == nil && (f.zoned || at.Format(f.layout) == v.Text)
}

// Date writes a time in one of the ways that Convert knows by name; null for another name.
func Date(name string, at time.Time) *value.Value {
	to, ok := formats()[name]
	switch {
	case !ok:
		return &value.Value{}
	case to.unit == int64(time.Second):
		return value.Digits(strconv.FormatInt(at.Unix(), 10))
	case to.unit > 0:
		return value.Digits(strconv.FormatInt(at.UnixMilli(), 10))
	}
	return value.Text(at.UTC().Format(to.layout))
}
