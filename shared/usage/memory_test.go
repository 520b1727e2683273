package usage_test

import (
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"sluice/shared/catalog"
	"sluice/shared/usage"
)

// TestNamesDoNotKeepWhatTheyCameIn: the names that a call is counted under are parts of the text of its decision.
func TestNamesDoNotKeepWhatTheyCameIn(t *testing.T) {
	const calls, size = 400, 64 << 10
	size64 := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc) // #nosec G115 -- far less than that
	}
	c := usage.NewCounter(func() string { return "id" }, 0)
	before := size64()
	for i := range calls {
		text := strconv.Itoa(1000+i) + "acme" + strings.Repeat("x", size)
		for n := range 2 {
			c.Add(usage.Facts{At: time.Unix(int64(60*n), 0), API: catalog.APIID(text[:4]), Version: "v1", Operation: text[:4], App: catalog.AppID(text[:4]),
				Consumer: catalog.ConsumerID(text[4:8]), Forwarded: true, Status: 200})
		}
	}
	if kept := size64() - before; kept > calls*size/4 {
		t.Errorf("%d bytes are kept of %d cells", kept, 2*calls)
	}
	runtime.KeepAlive(c)
}
