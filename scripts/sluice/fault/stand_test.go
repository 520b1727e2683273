package fault_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"sluice/scripts/sluice/fault"
)

func TestPassHandsRequestsOnAsTheyCameAndBreaksWhereNothingAnswers(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Method+" "+r.RequestURI+" "+r.Header.Get("X-Amz-Target"))
	}))
	r := newRig(t, fault.Store)
	h, err := fault.Pass(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	s, err := r.drill.StandIn(t.Context(), fault.Store, h)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r.url = s.URL()
	if status, _, body := r.call(); status != 200 || body != "POST /x " {
		t.Errorf("%d %s", status, body)
	}
	server.Close()
	if status, _, body := r.call(); status != 0 {
		t.Errorf("without a server: %d %s", status, body)
	}
	for _, to := range []string{"", "127.0.0.1:1", "::"} {
		if _, err := fault.Pass(to); err == nil {
			t.Errorf("%q is a server", to)
		}
	}
}

// egress is a client whose calls go through the drill's egress proxy.
func egress(t *testing.T, r *rig, there *httptest.Server) *http.Client {
	t.Helper()
	transport := &http.Transport{DisableCompression: true, DialContext: new(net.Dialer).DialContext}
	t.Cleanup(transport.CloseIdleConnections)
	s, err := r.drill.StandIn(t.Context(), fault.Upstream, fault.Egress(transport))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	proxy, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	own := &http.Transport{Proxy: http.ProxyURL(proxy), TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} // made just now, for this test
	t.Cleanup(own.CloseIdleConnections)
	t.Cleanup(there.CloseClientConnections)
	return &http.Client{Transport: own}
}

func TestUpstreamsAreReachedThroughTheEgressProxyAndFailThere(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Host+" "+r.RequestURI+" "+r.Header.Get("X-Forwarded-For"))
	})
	for name, start := range map[string]func(http.Handler) *httptest.Server{"http": httptest.NewServer, "https": httptest.NewTLSServer} {
		t.Run(name, func(t *testing.T) {
			server := start(h)
			defer server.Close()
			r := newRig(t, fault.Upstream)
			client := egress(t, r, server)
			get := func() (int, string) {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/a%20b?q=1;2", nil)
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("X-Forwarded-For", "192.0.2.7")
				res, err := client.Do(req)
				if err != nil {
					return 0, err.Error()
				}
				body, _ := io.ReadAll(res.Body)
				_ = res.Body.Close()
				return res.StatusCode, string(body)
			}
			want := server.Listener.Addr().String() + " /a%20b?q=1;2 192.0.2.7"
			if status, body := get(); status != 200 || body != want {
				t.Errorf("%d %s, want %s", status, body, want)
			}
			r.inject("upstream=down:1m")
			if status, body := get(); status != 0 {
				t.Errorf("during an outage: %d %s", status, body)
			}
			r.drill.Clear()
			if status, body := get(); status != 200 {
				t.Errorf("healed: %d %s", status, body)
			}
			client.CloseIdleConnections()
			r.inject("upstream=errors:100%")
			if status, body := get(); status == 200 || name == "http" && status != 503 {
				t.Errorf("with errors: %d %s", status, body)
			}
		})
	}
}

func TestTheEgressProxySendsNothingTwice(t *testing.T) {
	for name, c := range map[string]struct{ method, field string }{
		"a read":                       {"GET", ""},
		"a look":                       {"HEAD", ""},
		"a question":                   {"OPTIONS", ""},
		"a POST with a key":            {"POST", "Idempotency-Key: a\r\n"},
		"a POST with a key's old name": {"POST", "x-idempotency-key: a\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var came atomic.Int64
			server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if c.field != "" && r.Header.Get("Idempotency-Key")+r.Header.Get("X-Idempotency-Key") != "a" {
					t.Error("the key is gone")
				}
				if came.Add(1) > 1 {
					panic(http.ErrAbortHandler) // the kept connection breaks with the request on it
				}
			}))
			defer server.Close()
			s, err := newRig(t, fault.Upstream).drill.StandIn(t.Context(), fault.Upstream, fault.Egress(&http.Transport{DialContext: new(net.Dialer).DialContext}))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.URL(), "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			answers := bufio.NewReader(conn)
			for _, want := range []bool{true, false} {
				if _, err := io.WriteString(conn, c.method+" "+server.URL+"/a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n"+c.field+"\r\n"); err != nil {
					t.Fatal(err)
				}
				res, err := http.ReadResponse(answers, &http.Request{Method: c.method})
				if err == nil {
					_ = res.Body.Close()
				}
				if (err == nil) != want {
					t.Errorf("an answer: %v", err)
				}
			}
			if n := came.Load(); n != 2 {
				t.Errorf("two requests came %d times", n)
			}
		})
	}
}

func TestTheEgressProxyServesNothingOfItsOwn(t *testing.T) {
	r := newRig(t, fault.Upstream)
	s, err := r.drill.StandIn(t.Context(), fault.Upstream, fault.Egress(&http.Transport{DialContext: new(net.Dialer).DialContext}))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r.url = s.URL()
	if status, _, body := r.call(); status != http.StatusBadRequest || !strings.Contains(body, "proxy") {
		t.Errorf("%d %s", status, body)
	}
}
