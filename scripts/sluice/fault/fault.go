// Package fault makes what stands next to the platform fail on purpose: the store and the upstreams. It is what
// `sluice local --fault` and `sluice fault` are made of, a drill that any user can run.
//
// A Fault is written as TARGET=KIND[:VALUE][@START[+LENGTH]]. A Drill holds the faults of one local cloud and decides, for
// each connection and request, what befalls it. Its Listener breaks connections, its Handler breaks requests; both stand
// before the real thing, so that functions as processes and in process, and the client of the store with its own retries,
// meet the faults where they would meet those of a network.
package fault

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Target is what is made to fail.
type Target string

// The targets.
const (
	Store    Target = "store"
	Upstream Target = "upstream"
)

// Kind is a way to fail.
type Kind string

// The kinds. Share is of requests, drawn for each one by itself.
const (
	Down     Kind = "down"     // connections are reset, those under way too
	Latency  Kind = "latency"  // requests wait Delay, more or less by at most Jitter, before they are carried out
	Errors   Kind = "errors"   // a Share is answered with an internal error (store: 500, upstream: 503), and not carried out
	Throttle Kind = "throttle" // a Share is told to slow down (store: 400 by DynamoDB's name, upstream: 429), and not carried out
	Lost     Kind = "lost"     // a Share is carried out, and the connection breaks before the answer
)

// The bounds of what can be written.
const (
	longest  = 24 * time.Hour
	slowest  = 5 * time.Minute
	shortest = time.Millisecond
)

// Fault is one thing that goes wrong for a time.
type Fault struct {
	Target Target
	Kind   Kind
	Delay  time.Duration // of Latency
	Jitter time.Duration // of Latency, at most Delay
	Share  float64       // of Errors, Throttle and Lost: 0 < Share ≤ 1
	Start  time.Duration // after the drill is told
	Length time.Duration // 0: until it is cleared; never 0 for Down
}

// errGrammar ends every complaint about a text.
var errGrammar = errors.New("write it as TARGET=KIND:VALUE[@START[+LENGTH]], e.g. store=down:60s, store=latency:200ms~50ms@10s+30s, upstream=errors:20%")

// Parse reads a fault. The error says what is wrong with the text, and how one is written.
func Parse(text string) (Fault, error) {
	f, err := parse(text)
	if err != nil {
		return Fault{}, fmt.Errorf("fault %q: %w; %w", text, err, errGrammar)
	}
	return f, nil
}

// ParseAll reads several, each text one or several with ";" between them; the error names the faults of all of them.
func ParseAll(texts []string) ([]Fault, error) {
	var all []Fault
	var faults []error
	for text := range strings.SplitSeq(strings.Join(texts, ";"), ";") {
		if len(texts) == 0 {
			break
		}
		f, err := Parse(strings.TrimSpace(text))
		if err != nil {
			faults = append(faults, err)
			continue
		}
		all = append(all, f)
	}
	return all, errors.Join(faults...)
}

func parse(text string) (f Fault, err error) {
	target, what, ok := strings.Cut(text, "=")
	if !ok {
		return f, errors.New("there is no =")
	}
	if f.Target = Target(target); f.Target != Store && f.Target != Upstream {
		return f, fmt.Errorf("the target must be %s or %s, not %q", Store, Upstream, target)
	}
	what, when, timed := strings.Cut(what, "@")
	kind, value, _ := strings.Cut(what, ":")
	if err = f.readKind(Kind(kind), value); err != nil || !timed {
		return f, err
	}
	return f, f.readTimes(when)
}

func (f *Fault) readKind(kind Kind, value string) (err error) {
	f.Kind = kind
	switch kind {
	case Down:
		f.Length, err = duration("the length of an outage", value, longest)
	case Latency:
		delay, jitter, varies := strings.Cut(value, "~")
		if f.Delay, err = duration("the delay", delay, slowest); err != nil || !varies {
			return err
		}
		if f.Jitter, err = duration("the jitter", jitter, slowest); err == nil && f.Jitter > f.Delay {
			err = errors.New("the jitter must not be larger than the delay")
		}
	case Errors, Throttle, Lost:
		f.Share, err = share(value)
	default:
		return fmt.Errorf("the kind must be %s, %s, %s, %s or %s, not %q", Down, Latency, Errors, Throttle, Lost, kind)
	}
	return err
}

func (f *Fault) readTimes(when string) (err error) {
	start, length, ends := strings.Cut(when, "+")
	if start != "0" && start != "0s" {
		if f.Start, err = duration("the start", start, longest); err != nil {
			return err
		}
	}
	if !ends {
		return nil
	}
	if f.Kind == Down {
		return errors.New("an outage has its length already: down:LENGTH@START")
	}
	f.Length, err = duration("the length", length, longest)
	return err
}

func duration(what, text string, most time.Duration) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%s must be a duration such as 250ms, 10s or 2m, not %q", what, text)
	}
	if d < shortest || d > most {
		return 0, fmt.Errorf("%s must lie in %v..%v, not %v", what, shortest, most, d)
	}
	return d, nil
}

func share(text string) (float64, error) {
	n, err := strconv.ParseFloat(strings.TrimSuffix(text, "%"), 64)
	if err != nil || !(n > 0 && n <= 100) { // so that what is not a number is refused, too
		return 0, fmt.Errorf("the share must be a percentage above 0 and up to 100, such as 20%%, not %q", text)
	}
	return n / 100, nil
}

// String writes the fault as Parse reads it.
func (f Fault) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s=%s:", f.Target, f.Kind)
	switch f.Kind {
	case Down:
		b.WriteString(f.Length.String())
	case Latency:
		b.WriteString(f.Delay.String())
		if f.Jitter > 0 {
			b.WriteString("~" + f.Jitter.String())
		}
	case Errors, Throttle, Lost:
		b.WriteString(strconv.FormatFloat(f.Share*100, 'g', 6, 64) + "%")
	}
	ends := f.Length > 0 && f.Kind != Down
	if f.Start > 0 || ends {
		b.WriteString("@" + f.Start.String())
	}
	if ends {
		b.WriteString("+" + f.Length.String())
	}
	return b.String()
}
