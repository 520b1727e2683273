package format

import (
	"strings"
	"time"
)

func dateTime(s string) bool {
	return len(s) > 11 && date(s[:10]) && (s[10] == 'T' || s[10] == 't') && clock(s[11:])
}

func date(s string) bool {
	if len(s) != 10 || s[4] != '-' || s[7] != '-' {
		return false
	}
	year, a := number(s[:4])
	month, b := number(s[5:7])
	day, c := number(s[8:])
	return a && b && c && month >= 1 && month <= 12 && day >= 1 && day <= days(year, month)
}

func days(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// number reads digits, and nothing else.
func number(s string) (n int, ok bool) {
	for i := range len(s) {
		if !digit(s[i]) {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, s != ""
}

// clock is full-time of RFC 3339: hours, minutes, seconds with or without a fraction, and an offset.
func clock(s string) bool {
	hour, minute, ok := hourMinute(s)
	if !ok || len(s) < 9 || s[5] != ':' {
		return false
	}
	second, ok := number(s[6:8])
	if !ok || second > 60 {
		return false
	}
	rest := s[8:]
	if rest[0] == '.' {
		fraction := strings.TrimLeft(rest[1:], "0123456789")
		if len(fraction) == len(rest)-1 {
			return false
		}
		rest = fraction
	}
	offset := 0
	switch {
	case rest == "Z" || rest == "z":
	case len(rest) == 6 && (rest[0] == '+' || rest[0] == '-'):
		h, m, ok := hourMinute(rest[1:])
		if !ok {
			return false
		}
		if offset = h*60 + m; rest[0] == '-' {
			offset = -offset
		}
	default:
		return false
	}
	const day = 24 * 60
	return second < 60 || ((hour*60+minute-offset)%day+day)%day == day-1 // a leap second ends a day of UTC
}

// hourMinute reads HH:MM at the beginning.
func hourMinute(s string) (hour, minute int, ok bool) {
	if len(s) < 5 || s[2] != ':' {
		return 0, 0, false
	}
	hour, a := number(s[:2])
	minute, b := number(s[3:5])
	return hour, minute, a && b && hour < 24 && minute < 60
}

// duration is that of RFC 3339, appendix A: units in order, none left out between two, and weeks alone.
func duration(s string) bool {
	rest, ok := strings.CutPrefix(s, "P")
	if !ok || rest == "" {
		return false
	}
	if weeks, ok := strings.CutSuffix(rest, "W"); ok {
		_, ok := number(weeks)
		return ok
	}
	days, hours, timed := strings.Cut(rest, "T")
	return (days == "" && timed || units(days, "YMD")) && (!timed || units(hours, "HMS"))
}

// units reads numbers with their units, which follow each other without a gap.
func units(s, order string) bool {
	last := -1
	for s != "" {
		n := len(s) - len(strings.TrimLeft(s, "0123456789"))
		if n == 0 || n == len(s) {
			return false
		}
		at := strings.IndexByte(order, s[n])
		if at < 0 || at <= last || last >= 0 && at != last+1 {
			return false
		}
		last, s = at, s[n+1:]
	}
	return last >= 0
}
