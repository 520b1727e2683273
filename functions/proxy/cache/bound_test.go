package cache_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"testing"
	"time"

	"sluice/functions/proxy/cache"
	"sluice/shared/catalog"
)

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestTheCacheTakesNoMoreMemoryThanItIsGiven fills a cache many times over, with answers of all sizes, variants and partitions.
func TestTheCacheTakesNoMoreMemoryThanItIsGiven(t *testing.T) {
	for name, size := range map[string]int{"no body": 0, "200 bytes": 200, "up to 40 KB": 40_000} {
		t.Run(name, func(t *testing.T) {
			const most = 4 << 20
			before := heap()
			c := cache.New(most, func() time.Time { return noon })
			random := rand.New(rand.NewPCG(1, 2))
			for i, given := 0, 0; given < 3*most; i++ {
				r := asked(fmt.Sprintf("/orders/%d/lines", i/4))
				r.Query, r.Caller.App = fmt.Sprintf("page=%d", i%2), catalog.AppID(fmt.Sprint("app-", i%3))
				r.Header["accept-encoding"] = fmt.Sprint("coding-", i)
				a := told(make([]byte, random.IntN(size+1), size+1))
				a.Header.Set("X-Number", fmt.Sprint(i))
				given += 1024 + len(a.Body)
				if _, err := c.Look(t.Context(), r).Finish(a); err != nil {
					t.Fatal(err)
				}
				if n := c.Bytes(); n > most {
					t.Fatalf("it counts %d bytes", n)
				}
			}
			took := int(heap() - before)
			if took > most*11/10 || c.Bytes() < most*9/10 {
				t.Errorf("of %d bytes it counts %d and takes %d", most, c.Bytes(), took)
			}
			t.Logf("of %d bytes it counts %d and takes %d", most, c.Bytes(), took)
			runtime.KeepAlive(c)
		})
	}
}

func there(t *testing.T, c *cache.Cache, r *cache.Request) bool {
	t.Helper()
	v := c.Look(t.Context(), r)
	defer v.Leave()
	return v.Answer != nil
}

func TestWhatWasUsedLastStays(t *testing.T) {
	c := cache.New(40_000, func() time.Time { return noon })
	for i := range 100 {
		kept(t, c, fmt.Sprint("/", i), make([]byte, 1000))
		if !there(t, c, asked("/0")) {
			t.Fatalf("what is used all the time is gone after %d others", i)
		}
	}
	if there(t, c, asked("/1")) || !there(t, c, asked("/99")) {
		t.Error("the oldest is there, or the newest is not")
	}
}

func TestVariantsAreBounded(t *testing.T) {
	c := cache.New(1<<20, func() time.Time { return noon })
	coding := func(i int) *cache.Request { return with(asked("/"), "accept-encoding", fmt.Sprint(i)) }
	for i := range 40 {
		if _, err := c.Look(t.Context(), coding(i)).Finish(told(nil)); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	for i := range 40 {
		if there(t, c, coding(i)) {
			n++
		}
	}
	if n != 16 || !there(t, c, coding(39)) {
		t.Errorf("%d variants are kept", n)
	}
}

func TestAnAnswerTakesThePlaceOfTheSame(t *testing.T) {
	c := cache.New(1<<20, func() time.Time { return noon })
	kept(t, c, "/", nil)
	one := c.Bytes()
	both := [2]*cache.Visit{}
	for i := range both { // neither sees the other's answer
		both[i] = c.Look(t.Context(), with(asked("/"), "cache-control", "no-cache"))
	}
	for _, v := range both {
		if _, err := v.Finish(told(nil)); err != nil {
			t.Fatal(err)
		}
	}
	if c.Bytes() != one {
		t.Errorf("one answer counts %d bytes, thrice %d", one, c.Bytes())
	}
}

func with(r *cache.Request, name, value string) *cache.Request {
	r.Header[name] = value
	return r
}

func TestWhatDoesNotFitAtAllIsNotKept(t *testing.T) {
	c := cache.New(3000, func() time.Time { return noon })
	kept(t, c, "/a", make([]byte, 100))
	kept(t, c, "/b", make([]byte, 10_000))
	if !there(t, c, asked("/a")) || there(t, c, asked("/b")) {
		t.Error("what is too large pushed out the other, or is kept")
	}
}

func TestAKeptAnswerIsNobodysToChange(t *testing.T) {
	c := cache.New(1<<20, func() time.Time { return noon })
	body := []byte("one")
	kept(t, c, "/", body)
	body[0] = 'X'
	first := c.Look(t.Context(), asked("/")).Answer
	first.Header.Set("Etag", "changed")
	first.Header["New"] = []string{"1"}
	second := c.Look(t.Context(), asked("/")).Answer
	if string(second.Body) != "one" || second.Header.Get("Etag") != `"1"` || second.Header.Get("New") != "" || second.Status != http.StatusOK {
		t.Errorf("it is %q %v now", second.Body, second.Header)
	}
}
