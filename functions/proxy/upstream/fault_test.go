package upstream_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/functions/proxy/upstream"
	"sluice/shared/catalog"
	"sluice/shared/settings"
)

func fallbackTo(at string) *catalog.Fallback { return &catalog.Fallback{URL: at} }

// server is an upstream that speaks raw TCP: handle gets each request, counted from 1, and returns false to close.
func server(t testing.TB, handle func(n int64, c net.Conn, q *http.Request) bool) (change, *atomic.Int64) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var seen atomic.Int64
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer func() { _ = c.Close() }()
				r := bufio.NewReader(c)
				for {
					q, err := http.ReadRequest(r)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, q.Body)
					if !handle(seen.Add(1), c, q) {
						return
					}
				}
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	return to("http://" + l.Addr().String()), &seen
}

func to(at string) change {
	return func(c *upstream.Call) {
		u, err := url.Parse(at)
		if err != nil {
			panic(err)
		}
		c.Settings.URL, c.Request.URL, c.Request.Host = at, u, u.Host
	}
}

const well = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

func reset(c net.Conn) bool {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	return false
}

func say(c net.Conn, s string) bool {
	_, err := io.WriteString(c, s)
	return err == nil
}

func TestRealServersThatFailOnce(t *testing.T) {
	first := map[string]func(net.Conn) bool{
		"resets":                 reset,
		"closes":                 func(net.Conn) bool { return false },
		"breaks off in its body": func(c net.Conn) bool { say(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"); return reset(c) },
		"breaks off between chunks": func(c net.Conn) bool {
			say(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
			return false
		},
		"speaks nonsense":            func(c net.Conn) bool { say(c, "220 smtp\r\n"); return false },
		"is busy, and says how long": func(c net.Conn) bool { return say(c, "HTTP/1.1 503 x\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n") },
		"is a gateway without a way": func(c net.Conn) bool { return say(c, "HTTP/1.1 502 x\r\nContent-Length: 0\r\n\r\n") },
	}
	for name, fail := range first {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at, seen := server(t, func(n int64, c net.Conn, _ *http.Request) bool {
				if n == 1 {
					return fail(c)
				}
				return say(c, well)
			})
			a := want(t, over(transport(t, settings.LoopbackToo, "")), 200, at, retries(1, 20), method(http.MethodPut), func(c *upstream.Call) { c.Body = []byte("x") })
			if string(a.Body) != "ok" || a.Attempts != 2 || seen.Load() != 2 {
				t.Errorf("%q after %d attempts, %d seen", a.Body, a.Attempts, seen.Load())
			}
		})
	}
}

func TestARealServerThatHangsIsLeftInTime(t *testing.T) {
	hang := map[string]func(net.Conn) bool{
		"before its answer": func(net.Conn) bool { return true },
		"in its body":       func(c net.Conn) bool { return say(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf") },
		"byte by byte": func(c net.Conn) bool {
			for i := 0; say(c, string("HTTP/1.1 200 OK\r\nX: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"[min(i, 50)])); i++ {
				time.Sleep(20 * time.Millisecond)
			}
			return false
		},
	}
	for name, fail := range hang {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at, _ := server(t, func(_ int64, c net.Conn, _ *http.Request) bool { return fail(c) })
			began := time.Now()
			e := wantError(t, over(transport(t, settings.LoopbackToo, "")), upstream.TimedOut, at, retries(3, 100),
				func(c *upstream.Call) { c.Settings.TimeoutMs = 300 })
			if took := time.Since(began); took < 300*time.Millisecond || took > 2*time.Second || !e.Sent {
				t.Errorf("left after %v, %v", took, e)
			}
		})
	}
}

func TestARealServerThatHangsOnceIsHedged(t *testing.T) {
	at, seen := server(t, func(n int64, c net.Conn, _ *http.Request) bool { return n == 1 || say(c, well) })
	a := want(t, over(transport(t, settings.LoopbackToo, "")), 200, at, hedged(20))
	if string(a.Body) != "ok" || seen.Load() != 2 {
		t.Errorf("%q, %d seen", a.Body, seen.Load())
	}
}

// A connection that was fine before breaks under a second request. net/http would send some of them again by itself.
func TestWhatIsSentAgainWhereAKeptConnectionBreaks(t *testing.T) {
	cases := map[string]struct {
		change change
		seen   int64
		ok     bool
	}{
		"a GET is":                           {method("GET"), 2, true},
		"a POST is not":                      {method("POST"), 1, false},
		"a DELETE is not, but for a retry":   {method("DELETE"), 1, false},
		"nor is any call with a key: POST":   {keyed("POST"), 1, false},
		"nor is any call with a key: GET":    {keyed("GET"), 1, false},
		"nor is any call with a key: HEAD":   {keyed("HEAD"), 1, false},
		"nor is any call with a key: PUT":    {keyed("PUT"), 1, false},
		"nor is any call with a key: DELETE": {keyed("DELETE"), 1, false},
		"nor if net/http can see it: POST": {func(c *upstream.Call) {
			keyed("POST")(c)
			c.Request.Header = http.Header{"Idempotency-Key": {"1"}, "X-Idempotency-Key": {"2"}}
		}, 1, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var seen atomic.Int64
			at, _ := server(t, func(n int64, conn net.Conn, q *http.Request) bool {
				if n == 1 {
					return say(conn, well)
				}
				if strings.Contains(name, "key") && (q.Header.Get("Idempotency-Key") != "1" || len(q.TransferEncoding) > 0) {
					t.Errorf("the request is %v", q.Header)
				}
				return seen.Add(1) > 1 && say(conn, well)
			})
			up := over(transport(t, settings.LoopbackToo, ""))
			want(t, up, 200, at)
			_, err := up.Call(t.Context(), call(t, at, c.change))
			if seen.Load() != c.seen || (err == nil) != c.ok {
				t.Errorf("seen %d times, %v", seen.Load(), err)
			}
		})
	}
}

func keyed(m string) change {
	return func(c *upstream.Call) {
		c.Request.Method = m
		c.Request.Header["idempotency-key"] = []string{"1"}
		c.Settings.Retries, c.Settings.HedgeAfterMs = &catalog.Retries{Attempts: 3, BudgetPercent: 100}, 1000
	}
}

func TestAfterAPauseAsLongAsServersKeepConnectionsANewOneIsMade(t *testing.T) {
	var mu sync.Mutex
	from := map[string]bool{}
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		mu.Lock()
		from[q.RemoteAddr] = true
		mu.Unlock()
	}))
	defer s.Close()
	now := noon
	up := over(transport(t, settings.LoopbackToo, ""), func(d *upstream.Deps) { d.Now = func() time.Time { return now } })
	for i, connections := range []int{1, 1, 2} {
		if i == 2 {
			now = now.Add(time.Hour)
		}
		if want(t, up, 200, to(s.URL)); len(from) != connections {
			t.Errorf("call %d: %d connections, want %d", i, len(from), connections)
		}
	}
}

func TestAnswersAreReadAsLongAsTheyMayBe(t *testing.T) {
	cases := map[string]struct {
		method, answer string
		status         int // 0: too long
	}{
		"as long as it may be":                    {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n1234567890", 200},
		"longer":                                  {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n12345678901", 0},
		"as long as it may be, in chunks":         {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n1234567890\r\n0\r\n\r\n", 200},
		"longer, in chunks":                       {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n12345678901\r\n0\r\n\r\n", 0},
		"a HEAD may speak of more":                {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", 200},
		"an answer that has not changed, as well": {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 99999\r\n\r\n", 304},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			at, _ := server(t, func(_ int64, conn net.Conn, _ *http.Request) bool { say(conn, c.answer); return false })
			small := func(c *upstream.Call) { c.Settings.MaxResponseBytes = 10 }
			up := over(transport(t, settings.LoopbackToo, ""))
			if c.status == 0 {
				wantError(t, up, upstream.Failed, at, method(c.method), small)
				return
			}
			if a := want(t, up, c.status, at, method(c.method), small); len(a.Body) != 0 && string(a.Body) != "1234567890" {
				t.Errorf("%q", a.Body)
			}
		})
	}
}
