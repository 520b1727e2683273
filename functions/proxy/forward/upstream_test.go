package forward_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"sluice/shared/catalog"
	"sluice/shared/decision"
)

func decode(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// server is an upstream that speaks raw TCP: handle gets each connection with what was read of the first request.
func server(t testing.TB, handle func(c net.Conn, r *bufio.Reader)) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer func() { _ = c.Close() }()
				handle(c, bufio.NewReader(c))
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	return "http://" + l.Addr().String()
}

// raw is an upstream that reads a request and answers with these bytes.
func raw(t testing.TB, answer string) string {
	return server(t, func(c net.Conn, r *bufio.Reader) {
		if q, err := http.ReadRequest(r); err == nil {
			_, _ = io.Copy(io.Discard, q.Body)
			_, _ = io.WriteString(c, answer)
		}
	})
}

func TestAnUpstreamThatFailsIsToldWithoutAWordAboutIt(t *testing.T) {
	reset := func(c net.Conn, r *bufio.Reader) {
		_, _ = http.ReadRequest(r)
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
	}
	cases := map[string]struct {
		upstream string
		code     string
	}{
		"nobody listens":                       {"http://127.0.0.1:1", "upstream_failed"},
		"it closes at once":                    {server(t, func(net.Conn, *bufio.Reader) {}), "upstream_failed"},
		"it resets":                            {server(t, reset), "upstream_failed"},
		"it speaks another protocol":           {raw(t, "220 smtp.internal ESMTP\r\n"), "upstream_failed"},
		"it answers with a garbled head":       {raw(t, "HTTP/1.1 200 OK\r\nbroken\r\n\r\n"), "upstream_failed"},
		"it answers with two lengths":          {raw(t, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"), "upstream_failed"},
		"it breaks off in its body":            {raw(t, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"half\":"), "upstream_failed"},
		"it breaks off between chunks":         {raw(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"), "upstream_failed"},
		"its chunks are garbled":               {raw(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"), "upstream_failed"},
		"it switches protocols":                {raw(t, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"), "upstream_failed"},
		"its status is out of range":           {raw(t, "HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n"), "upstream_failed"},
		"its head is endless":                  {raw(t, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("a", 64<<10)+"\r\n\r\n"), "upstream_failed"},
		"it speaks no TLS":                     {strings.Replace(raw(t, "HTTP/1.1 200 OK\r\n\r\n"), "http:", "https:", 1), "upstream_failed"},
		"its certificate is not to be trusted": {untrusted(t), "upstream_failed"},
		"it says that it is too large":         {raw(t, "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n"+strings.Repeat("a", 1001)), "upstream_failed"},
		"it is too large":                      {raw(t, "HTTP/1.0 200 OK\r\n\r\n"+strings.Repeat("a", 1001)), "upstream_failed"},
		"it never answers":                     {server(t, func(c net.Conn, r *bufio.Reader) { _, _ = io.Copy(io.Discard, r) }), "upstream_timeout"},
		"it falls asleep in its body": {server(t, func(c net.Conn, r *bufio.Reader) {
			_, _ = http.ReadRequest(r)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab")
			_, _ = io.Copy(io.Discard, r)
		}), "upstream_timeout"},
		"its address is private":               {"http://10.255.255.1:8080", "upstream_failed"},
		"its address is the metadata's":        {"http://169.254.169.254", "upstream_failed"},
		"its address is written as one number": {"http://2852039166", "upstream_failed"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, nil)
			patienceMs := map[string]int{"upstream_failed": 10_000, "upstream_timeout": 300}[c.code]
			out := r.get(gold, func(d *decision.Decision) {
				d.Target.Upstream.URL, d.Target.Upstream.TimeoutMs, d.Target.Upstream.MaxResponseBytes = c.upstream+"/base", patienceMs, 1000
			})
			status := map[string]int{"upstream_failed": 502, "upstream_timeout": 504}[c.code]
			wantProblem(t, out, status, c.code)
			for _, word := range []string{"127.0.0.1", "10.255", "169.254", "dial", "tcp", "EOF", "http:", "deadline", "refused", "certificate", "prohibited", "base"} {
				for name, v := range out.Headers {
					if strings.Contains(v, word) {
						t.Errorf("%s tells about the upstream: %s", name, v)
					}
				}
				if strings.Contains(out.Body, word) {
					t.Errorf("the answer has %q: %s", word, out.Body)
				}
			}
			if out.Headers["ratelimit"] == "" {
				t.Error("the caller is not told how the limits stand")
			}
			if u := r.usage(); u["calls"] != 1 || u["u_"+c.code] != 1 || u["errors"] != 1 {
				t.Errorf("counted as %v", u)
			}
			if lines := r.log.lines(t); len(lines) != 1 || lines[0]["error"] == nil || lines[0]["refusal"] != c.code {
				t.Errorf("logged as %v", lines)
			}
		})
	}
}

func untrusted(t *testing.T) string {
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

func TestReadingStopsWhereTheLimitIs(t *testing.T) {
	sent := make(chan int, 1)
	endless := server(t, func(c net.Conn, r *bufio.Reader) {
		_, _ = http.ReadRequest(r)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
		chunk := "10000\r\n" + strings.Repeat("a", 1<<16) + "\r\n"
		n := 0
		for ; n < 10_000; n++ {
			if _, err := io.WriteString(c, chunk); err != nil {
				break
			}
		}
		sent <- n
	})
	r := start(t, nil)
	out := r.get(func(d *decision.Decision) { d.Target.Upstream.URL, d.Target.Upstream.MaxResponseBytes = endless, 1000 })
	wantProblem(t, out, 502, "upstream_failed")
	if n := <-sent; n > 1000 {
		t.Errorf("%d chunks were read", n)
	}
}

func TestAnAnswerThatTheFunctionCannotCarryIsRefused(t *testing.T) {
	r := start(t, func(w http.ResponseWriter, _ *http.Request) {
		chunk := []byte(strings.Repeat("\xff", 1<<18))
		for range 18 {
			_, _ = w.Write(chunk)
		}
	})
	large := func(d *decision.Decision) { d.Target.Upstream.MaxResponseBytes = 4<<20 + 1<<19 }
	wantProblem(t, r.get(large), 502, "upstream_failed")
}

func TestTheDeadlineOfTheCallBoundsTheUpstream(t *testing.T) {
	r := start(t, func(_ http.ResponseWriter, q *http.Request) { <-q.Context().Done() })
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer cancel()
	wantProblem(t, r.handleWithin(ctx, event(t, r.allow())), 504, "upstream_timeout")
	if took := time.Since(began); took > 1450*time.Millisecond || ctx.Err() != nil {
		t.Errorf("the answer took %v of 1.5 s", took)
	}
	short, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
	defer cancel()
	wantProblem(t, r.handleWithin(short, event(t, r.allow())), 504, "upstream_timeout")
}

// A connection that was fine before and breaks under a second request: such a request may only be sent again if that is safe.
func TestWhatIsSentAgainWhenAConnectionBreaks(t *testing.T) {
	cases := map[string]struct {
		change change
		status int
		times  int
	}{
		"a GET is":             {headers(), 200, 2},
		"a POST is not":        {func(e *events.APIGatewayV2HTTPRequest) { e.RequestContext.HTTP.Method, e.Body = "POST", "x" }, 502, 1},
		"an empty POST is not": {func(e *events.APIGatewayV2HTTPRequest) { e.RequestContext.HTTP.Method = "POST" }, 502, 1},
		"a POST with an Idempotency-Key is not": {func(e *events.APIGatewayV2HTTPRequest) {
			e.RequestContext.HTTP.Method = "POST"
			e.Headers["idempotency-key"], e.Headers["X-Idempotency-Key"] = `"1"`, "1"
		}, 502, 1},
		"a DELETE is not": {func(e *events.APIGatewayV2HTTPRequest) { e.RequestContext.HTTP.Method = "DELETE" }, 502, 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := make(chan string, 10)
			upstream := server(t, func(c net.Conn, r *bufio.Reader) {
				for first := true; ; first = false {
					q, err := http.ReadRequest(r)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, q.Body)
					if q.URL.Path == "/warm" {
						_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
						continue
					}
					got <- q.Method + q.Header.Get("Idempotency-Key")
					if !first {
						return // a connection that worked breaks
					}
					_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
				}
			})
			r := start(t, nil)
			to := func(path string) func(*decision.Decision) {
				return func(d *decision.Decision) { d.Target.Upstream.URL, d.Target.Path = upstream, path }
			}
			if out := r.get(to("/warm")); out.StatusCode != 200 {
				t.Fatal(out)
			}
			out := r.handle(event(t, r.allow(to("/do")), c.change))
			if out.StatusCode != c.status || len(got) != c.times {
				t.Errorf("status %d, sent %d times, want %d, %d", out.StatusCode, len(got), c.status, c.times)
			}
			if first := <-got; strings.Contains(name, "Key") && !strings.HasSuffix(first, `"1"`) {
				t.Errorf("the key did not arrive: %q", first)
			}
		})
	}
}

// After a pause longer than servers keep idle connections, as after a freeze, a new connection is made.
func TestAfterAPauseNoOldConnectionIsUsed(t *testing.T) {
	var mu sync.Mutex
	connections := map[string]bool{}
	r := start(t, func(_ http.ResponseWriter, q *http.Request) {
		mu.Lock()
		connections[q.RemoteAddr] = true
		mu.Unlock()
	})
	for i, want := range []int{1, 1, 2} {
		if i == 2 {
			r.pass(time.Hour)
		}
		r.get()
		if len(connections) != want {
			t.Errorf("call %d: %d connections, want %d", i, len(connections), want)
		}
	}
}

func TestProxiesOfTheEnvironmentAreNotUsed(t *testing.T) {
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"} {
		t.Setenv(name, "http://127.0.0.1:1")
	}
	r := start(t, nil)
	if out := r.get(); out.StatusCode != 200 {
		t.Errorf("%+v", out)
	}
}

func TestManyUpstreamsAreCalledByOneInstance(t *testing.T) {
	r := start(t, nil)
	for i := range 1200 {
		out := r.get(func(d *decision.Decision) { d.Target.Upstream.URL = r.upstream.URL + "/" + strconv.Itoa(i) })
		if q, _ := r.last(); out.StatusCode != 200 || q.URL.Path != "/"+strconv.Itoa(i)+"/orders/42" {
			t.Fatalf("%d: %s", out.StatusCode, q.URL)
		}
	}
}

func TestAFallbackIsToldByItsField(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Location", "http://"+q.Host+"/alt/orders/7")
		w.Header().Set("X-Sluice-Fallback", "made up")
		_, _ = io.WriteString(w, q.URL.Path)
	}))
	t.Cleanup(other.Close)
	for name, c := range map[string]struct {
		fallback       catalog.Fallback
		field, body    string
		location, kind string
	}{
		"none, while the upstream is well": {catalog.Fallback{}, "", "ok", "", ""},
		"alternative":                      {catalog.Fallback{URL: other.URL + "/alt"}, "alternative", "/alt/orders/42", "/orders/v1/orders/7", ""},
		"static": {catalog.Fallback{Static: &catalog.StaticAnswer{Status: 200, ContentType: "text/plain", Body: "later"}}, "static", "later", "",
			"text/plain"},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, func(w http.ResponseWriter, _ *http.Request) {
				if c.field != "" {
					w.WriteHeader(http.StatusServiceUnavailable)
				}
				_, _ = io.WriteString(w, "ok")
			})
			out := r.get(func(d *decision.Decision) { d.Target.Upstream.Fallback = &c.fallback })
			if h := out.Headers; out.StatusCode != 200 || out.Body != c.body || h["x-sluice-fallback"] != c.field || h["location"] != c.location ||
				c.kind != "" && h["content-type"] != c.kind {
				t.Errorf("%+v", out)
			}
		})
	}
}

func TestACallThatTheUpstreamIsSparedIsToldWhenToComeBack(t *testing.T) {
	r := start(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	for name, settings := range map[string]func(*catalog.Upstream){
		"its breaker is open":             func(u *catalog.Upstream) { u.Breaker = &catalog.Breaker{MinimumCalls: 1, OpenSeconds: 7} },
		"nobody counts what is in flight": func(u *catalog.Upstream) { u.MaxInFlight = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			set := func(d *decision.Decision) { settings(&d.Target.Upstream) }
			r.get(set)
			calls := r.calls()
			out := r.get(set)
			wantProblem(t, out, 503, "upstream_unavailable")
			if n, err := strconv.Atoi(out.Headers["retry-after"]); err != nil || n < 1 || n > 7 || r.calls() != calls {
				t.Errorf("%v, the upstream got %d calls more", out.Headers, r.calls()-calls)
			}
		})
	}
}

func TestACallIsTriedAgainAsItsVersionHasIt(t *testing.T) {
	var n atomic.Int64
	r := start(t, func(w http.ResponseWriter, _ *http.Request) {
		if n.Add(1) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	out := r.get(gold, func(d *decision.Decision) { d.Target.Upstream.Retries = &catalog.Retries{Attempts: 1} })
	if q, _ := r.last(); out.StatusCode != 200 || r.calls() != 2 || q.Header.Get("X-Sluice-Timeout-Ms") == "" || q.Header.Get("X-Sluice-App") != "acme-shop" {
		t.Errorf("%+v after %d calls", out, r.calls())
	}
	if u := r.usage(); u["calls"] != 1 || r.limits.used() != 1 {
		t.Errorf("counted as %v", u)
	}
}
