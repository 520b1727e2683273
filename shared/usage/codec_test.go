package usage_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sluice/shared/catalog"
	"sluice/shared/usage"
)

func anyRecord(t *rapid.T) *usage.Record {
	at := usage.Minute.Start(time.Unix(rapid.Int64Range(946684800, 7258118399).Draw(t, "at"), 0))
	r := &usage.Record{At: at, Flushed: time.UnixMilli(rapid.Int64Range(0, 1<<43).Draw(t, "flushed")).UTC()}
	name := rapid.StringMatching(`[a-z#/ é]{0,20}`)
	for i := range rapid.IntRange(1, usage.MaxCells).Draw(t, "cells") {
		add := map[string]int64{"calls": 1}
		for range rapid.IntRange(0, 30).Draw(t, "counters") {
			counter := rapid.SampledFrom([]string{"errors", "r_rate_limited", "later", "lx", "l01", "l551", "l" + strconv.Itoa(rapid.IntRange(0, 550).Draw(t, "bucket"))})
			add[counter.Draw(t, "counter")] = rapid.Int64Range(1, 1<<52).Draw(t, "count")
		}
		r.Cells = append(r.Cells, usage.Delta{Add: add, Bucket: usage.Bucket{Step: usage.Minute, At: at,
			API: catalog.APIID(name.Draw(t, "api")), Version: catalog.VersionID("v" + strconv.Itoa(i)), Operation: name.Draw(t, "operation"),
			App: catalog.AppID(name.Draw(t, "app")), Consumer: catalog.ConsumerID(name.Draw(t, "consumer"))}})
	}
	return r
}

func TestARecordSurvivesTheWay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := anyRecord(t)
		got, err := usage.Decode(want.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func aRecord() *usage.Record {
	return &usage.Record{At: noon, Flushed: noon.Add(2 * time.Second), Cells: []usage.Delta{{
		Bucket: usage.Bucket{Step: usage.Minute, At: noon, API: "orders", Version: "v1", Operation: "getOrder", App: "shop", Consumer: "acme"},
		Add:    map[string]int64{"calls": 3, "s2xx": 3, "l7": 1, "l250": 2, "r_rate_limited": 1, "refused": 1},
	}}}
}

// TestRecordsOfEarlierInstancesAreRead: these bytes wait in somebody's table. They are never written anew.
func TestRecordsOfEarlierInstancesAreRead(t *testing.T) {
	with := aRecord()
	with.Cells[0].Add["would_refuse"], with.Cells[0].Add["w_basic-rate"] = 2, 2
	for name, c := range map[string]struct {
		body string
		want *usage.Record
	}{
		"before limits in the shadow were counted": {"01d0b4a20ed08b9cc2a03406066f7264657273027631086765744f726465720473686f700461636d650e725f726174655f6c696d697465" +
			"64010b0c0d0e0f04000310010a010603020701f30102cc1c4900", aRecord()},
		"since they are": {"01d0b4a20ed08b9cc2a03408066f7264657273027631086765744f726465720473686f700461636d650e725f726174655f6c696d697465" +
			"640c775f62617369632d726174650c776f756c645f726566757365010b0c0d0e0f06000310010a01060311021202020701f30102ee9afd" +
			"dc", with},
	} {
		t.Run(name, func(t *testing.T) {
			body, err := hex.DecodeString(c.body)
			if err != nil {
				t.Fatal(err)
			}
			got, err := usage.Decode(body)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if again := c.want.Encode(); !bytes.Equal(again, body) {
				t.Errorf("it is written otherwise now, which an instance of before may not read: %x", again)
			}
		})
	}
}

func TestADamagedRecordIsRefused(t *testing.T) {
	whole := aRecord().Encode()
	for n := range whole {
		if _, err := usage.Decode(whole[:n]); err == nil {
			t.Errorf("cut at %d: accepted", n)
		}
		for bit := range 8 {
			damaged := append([]byte(nil), whole...)
			damaged[n] ^= 1 << bit
			if _, err := usage.Decode(damaged); err == nil {
				t.Errorf("bit %d of byte %d: accepted", bit, n)
			}
		}
	}
	if _, err := usage.Decode(make([]byte, 1<<20)); err == nil {
		t.Error("a megabyte: accepted")
	}
}

// sealed gives the body a checksum that is right.
func sealed(body []byte) []byte {
	return binary.BigEndian.AppendUint32(body, crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
}

func TestARecordThatNoCounterWritesIsRefused(t *testing.T) {
	change := func(change func(*usage.Record)) []byte {
		r := aRecord()
		change(r)
		return r.Encode()
	}
	whole := aRecord().Encode()
	for promise, body := range map[string][]byte{
		"a newer version is left to whoever knows it": sealed(append([]byte{2}, whole[1:len(whole)-4]...)),
		"something behind the record":                 sealed(append(whole[:len(whole)-4:len(whole)-4], 0)),
		"a negative count":                            change(func(r *usage.Record) { r.Cells[0].Add["calls"] = -1 }),
		"a count of nothing":                          change(func(r *usage.Record) { r.Cells[0].Add["calls"] = 0 }),
		"a count that could overflow a total":         change(func(r *usage.Record) { r.Cells[0].Add["calls"] = 1 << 53 }),
		"a negative latency count":                    change(func(r *usage.Record) { r.Cells[0].Add["l7"] = -1 }),
		"a minute before its time":                    change(func(r *usage.Record) { r.At = time.Time{} }),
		"no cells":                                    change(func(r *usage.Record) { r.Cells = nil }),
		"no counters":                                 change(func(r *usage.Record) { r.Cells[0].Add = nil }),
		"a counter without a name":                    change(func(r *usage.Record) { r.Cells[0].Add[""] = 1 }),
		"the same cell twice":                         change(func(r *usage.Record) { r.Cells = append(r.Cells, r.Cells[0]) }),
		"a name that is not UTF-8":                    change(func(r *usage.Record) { r.Cells[0].Bucket.Operation = "\xff" }),
		"an id that no sort key has room for":         change(func(r *usage.Record) { r.Cells[0].Bucket.App = catalog.AppID(make([]byte, 101)) }),
		"more cells than a transaction takes": change(func(r *usage.Record) {
			for i := range usage.MaxCells {
				c := r.Cells[0]
				c.Bucket.App = catalog.AppID(strconv.Itoa(i))
				r.Cells = append(r.Cells, c)
			}
		}),
		"more counters than an expression takes": change(func(r *usage.Record) {
			for i := range usage.MaxCounters {
				r.Cells[0].Add["l"+strconv.Itoa(i)] = 1
			}
		}),
	} {
		t.Run(promise, func(t *testing.T) {
			if r, err := usage.Decode(body); err == nil {
				t.Errorf("accepted as %v", r)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(aRecord().Encode())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, body []byte) {
		// The checksum stops almost everything that a fuzzer makes: give it one that is right, too.
		for _, b := range [][]byte{body, sealed(append([]byte{1}, body...))} {
			r, err := usage.Decode(b)
			if err != nil {
				continue
			}
			again, err := usage.Decode(r.Encode())
			if err != nil {
				t.Fatalf("it cannot be read again: %v", err)
			}
			if diff := cmp.Diff(r, again); diff != "" {
				t.Fatal(diff)
			}
			if n := len(r.Deltas()); n != 4*len(r.Cells) || n > 98 {
				t.Fatalf("%d cells add to %d buckets", len(r.Cells), n)
			}
		}
	})
}
