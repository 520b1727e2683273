package usage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"sluice/shared/catalog"
)

// Record is what an instance counted in one minute, or a part of it. Each of its Cells is another bucket of that minute.
type Record struct {
	At      time.Time // start of the minute, UTC
	Flushed time.Time // when it was packed, UTC, to the millisecond
	Cells   []Delta
}

// The bounds of a record. They are promises to whoever folds it: 4 × MaxCells additions, a deletion and a tombstone fit
// into one DynamoDB transaction of 100 items, and one addition of MaxCounters into an update expression of 4 KB.
const (
	MaxCells    = 24
	MaxCounters = 256
)

const (
	recordVersion = 1
	maxRecord     = 350 << 10 // bytes; the store takes 400 KB with everything
	maxStrings    = 1024
	maxCount      = 1 << 52 // of one counter in one record

	firstMinute = 946684800 / 60  // 2000-01-01
	lastMinute  = 7258118399 / 60 // 2199-12-31
)

// A record is written as
//
//	version 1 · minute · flushed ms · strings · cells · CRC-32C of all that (4 bytes, big endian)
//
// where numbers are uvarints, strings are a count and then length and bytes each, and a cell is the five names of its
// bucket, its counters as a count and then name and value each, and its latencies as a count and then the distance from
// the bucket before and the value each. A name is its place in the strings, which are thought to begin with the tallies.

// Encode writes the record. It must keep the bounds, and no count may be negative: Decode refuses what does not.
func (r *Record) Encode() []byte {
	w := writer{place: make(map[string]uint64, 4*len(r.Cells)+int(tallies))}
	for t := range tallies {
		w.place[t.name()] = uint64(t)
	}
	w.number(uint64(len(r.Cells)))
	for _, c := range r.Cells {
		w.cell(c)
	}
	head := []byte{recordVersion}
	head = binary.AppendUvarint(head, unsigned(r.At.Unix()/60))
	head = binary.AppendUvarint(head, unsigned(r.Flushed.UnixMilli()))
	head = binary.AppendUvarint(head, uint64(len(w.strings)))
	for _, s := range w.strings {
		head = binary.AppendUvarint(head, uint64(len(s)))
		head = append(head, s...)
	}
	head = append(head, w.cells...)
	return binary.BigEndian.AppendUint32(head, crc32.Checksum(head, castagnoli()))
}

// unsigned is a number that is not negative, as Encode demands: what is, becomes too large for Decode.
func unsigned(n int64) uint64 { return uint64(n) } //nolint:gosec // G115: see above

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) } // made once by the package

// writer collects cells, and the strings that they name.
type writer struct {
	place   map[string]uint64
	strings []string
	cells   []byte
}

func (w *writer) number(n uint64) { w.cells = binary.AppendUvarint(w.cells, n) }

func (w *writer) name(s string) {
	at, known := w.place[s]
	if !known {
		at = uint64(len(w.place))
		w.place[s] = at
		w.strings = append(w.strings, s)
	}
	w.number(at)
}

func (w *writer) cell(c Delta) {
	for _, s := range []string{string(c.Bucket.API), string(c.Bucket.Version), c.Bucket.Operation,
		string(c.Bucket.App), string(c.Bucket.Consumer)} {
		w.name(s)
	}
	latencies := make([]int, 0, len(c.Add))
	counters := make([]string, 0, len(c.Add))
	for name := range c.Add {
		if bucket, ok := latencyOf(name); ok {
			latencies = append(latencies, bucket)
		} else {
			counters = append(counters, name)
		}
	}
	slices.Sort(counters)
	slices.Sort(latencies)
	w.number(uint64(len(counters)))
	for _, name := range counters {
		w.name(name)
		w.number(unsigned(c.Add[name]))
	}
	w.number(uint64(len(latencies)))
	before := 0
	for _, bucket := range latencies {
		w.number(unsigned(int64(bucket - before)))
		w.number(unsigned(c.Add[latencyName(bucket)]))
		before = bucket
	}
}

// Decode reads a record. Any error means that these bytes are not a record of a version known here: damaged, or written
// by a newer instance. Names that are not known here are kept: counters merge without being understood.
func Decode(body []byte) (*Record, error) {
	if len(body) > maxRecord {
		return nil, fmt.Errorf("decode usage record: it has %d bytes", len(body))
	}
	if len(body) < 5 {
		return nil, errors.New("decode usage record: it is cut short")
	}
	whole, sum := body[:len(body)-4], binary.BigEndian.Uint32(body[len(body)-4:])
	if whole[0] != recordVersion {
		return nil, fmt.Errorf("decode usage record: it has version %d", whole[0])
	}
	if crc32.Checksum(whole, castagnoli()) != sum {
		return nil, errors.New("decode usage record: its checksum is wrong")
	}
	r := reader{rest: whole[1:]}
	rec := r.record()
	if r.err == nil && len(r.rest) > 0 {
		r.fail("%d bytes follow it", len(r.rest))
	}
	if r.err != nil {
		return nil, fmt.Errorf("decode usage record: %w", r.err)
	}
	return rec, nil
}

// reader takes a record apart. After a fault it gives zeros.
type reader struct {
	rest  []byte
	names []string
	err   error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
	r.rest = nil
}

// number reads one in least..most.
func (r *reader) number(what string, least, most uint64) int64 {
	if r.err != nil {
		return 0
	}
	n, size := binary.Uvarint(r.rest)
	if size <= 0 || n < least || n > most {
		r.fail("%s is missing or out of bounds", what)
		return 0
	}
	r.rest = r.rest[size:]
	return int64(n) //nolint:gosec // G115: at most maxCount
}

func (r *reader) record() *Record {
	rec := &Record{}
	rec.At = time.Unix(r.number("the minute", firstMinute, lastMinute)*60, 0).UTC()
	rec.Flushed = time.UnixMilli(r.number("the time", 0, maxCount)).UTC()
	for t := range tallies {
		r.names = append(r.names, t.name())
	}
	for range r.number("the number of strings", 0, maxStrings) {
		r.names = append(r.names, r.text())
	}
	seen := make(map[Bucket]bool)
	for range r.number("the number of cells", 1, MaxCells) {
		cell := r.cell(rec.At)
		if seen[cell.Bucket.name()] {
			r.fail("a cell comes twice")
		}
		seen[cell.Bucket.name()] = true
		rec.Cells = append(rec.Cells, cell)
		if r.err != nil {
			return nil
		}
	}
	return rec
}

func (r *reader) text() string {
	n := r.number("the length of a string", 0, maxName)
	if int64(len(r.rest)) < n {
		r.fail("a string is cut short")
		return ""
	}
	s := string(r.rest[:n])
	r.rest = r.rest[n:]
	if !utf8.ValidString(s) {
		r.fail("a string is not UTF-8")
	}
	return s
}

// name reads the place of a string of at most so many bytes.
func (r *reader) name(most int) string {
	at := r.number("a name", 0, maxStrings+uint64(tallies))
	if r.err != nil {
		return ""
	}
	if at >= int64(len(r.names)) || len(r.names[at]) > most {
		r.fail("a name is not in the strings, or too long")
		return ""
	}
	return r.names[at]
}

func (r *reader) cell(minute time.Time) Delta {
	b := Bucket{Step: Minute, At: minute, API: catalog.APIID(r.name(maxSlug)), Version: catalog.VersionID(r.name(maxSlug)),
		Operation: r.name(maxName), App: catalog.AppID(r.name(maxSlug)), Consumer: catalog.ConsumerID(r.name(maxSlug))}
	counters := r.number("the number of counters", 0, MaxCounters)
	add := make(map[string]int64, counters)
	for range counters {
		name := r.name(maxSlug)
		if _, latency := latencyOf(name); latency || name == "" {
			r.fail("a counter has no name, or that of a latency")
		}
		add[name] = r.number("a counter", 1, maxCount)
	}
	latencies := r.number("the number of latencies", 0, lastLatency+1)
	bucket := int64(0)
	for i := range latencies {
		var least uint64 = 1
		if i == 0 {
			least = 0
		}
		bucket += r.number("a latency", least, lastLatency)
		add[latencyName(int(min(bucket, lastLatency)))] = r.number("a latency's count", 1, maxCount)
	}
	if bucket > lastLatency || int64(len(add)) != counters+latencies || len(add) == 0 || len(add) > MaxCounters {
		r.fail("a cell has no counters, too many, or one of them twice")
	}
	return Delta{Bucket: b, Add: add}
}

// String names the record for a log.
func (r *Record) String() string {
	apis := make(map[string]bool)
	for _, c := range r.Cells {
		apis[string(c.Bucket.API)] = true
	}
	return fmt.Sprintf("%s, %d cells of %s", r.At.Format(time.RFC3339), len(r.Cells), strings.Join(slices.Sorted(maps.Keys(apis)), ", "))
}
