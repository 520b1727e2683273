package upstream_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"code.dny.dev/ssrf"

	"sluice/functions/proxy/upstream"
	"sluice/shared/settings"
)

func transport(t testing.TB, networks settings.Networks, proxy string) *http.Transport {
	t.Helper()
	tr, err := upstream.Transport(networks, proxy)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

func TestWhichAddressesMayBeCalled(t *testing.T) {
	cases := map[string]struct{ public, loopback bool }{ // may be called, by networks
		"127.0.0.1": {false, true}, "127.9.9.9": {false, true}, "[::1]": {false, true},
		"0.0.0.0": {}, "[::]": {}, "10.0.0.1": {}, "172.16.0.1": {}, "192.168.0.1": {}, "169.254.169.254": {}, "169.254.170.2": {},
		"100.64.0.1": {}, "100.100.100.200": {}, "224.0.0.1": {}, "255.255.255.255": {}, "240.0.0.1": {}, "198.18.0.1": {}, "192.0.0.192": {},
		"[fd00:ec2::254]": {}, "[fe80::1]": {}, "[ff02::1]": {}, "[fc00::1]": {}, "[64:ff9b::7f00:1]": {}, "[2002:7f00:1::]": {},
		"[::ffff:127.0.0.1]": {false, true}, "[::ffff:169.254.169.254]": {}, "[::127.0.0.1]": {}, "[2001:db8::1]": {},
	}
	for address, may := range cases {
		for networks, want := range map[settings.Networks]bool{settings.PublicNetworks: may.public, settings.LoopbackToo: may.loopback} {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			c, err := transport(t, networks, "").DialContext(ctx, "tcp", address+":1")
			if c != nil {
				_ = c.Close()
			}
			blocked := errors.Is(err, ssrf.ErrProhibitedIP) || errors.Is(err, ssrf.ErrProhibitedNetwork)
			if err == nil || blocked == want {
				t.Errorf("%s with %s: %v", address, networks, err)
			}
			cancel()
		}
	}
}

func TestANameThatLeadsInsideIsRefused(t *testing.T) {
	c, err := transport(t, settings.PublicNetworks, "").DialContext(t.Context(), "tcp", "localhost:1")
	if c != nil {
		_ = c.Close()
	}
	if !errors.Is(err, ssrf.ErrProhibitedIP) {
		t.Errorf("localhost: %v", err)
	}
}

func TestAnAlternativeIsGuardedLikeTheUpstream(t *testing.T) {
	up := over(transport(t, settings.PublicNetworks, ""))
	for _, at := range []string{"http://127.0.0.1:1", "http://169.254.169.254", "http://localhost:1"} {
		c := call(t, func(c *upstream.Call) { c.Settings.Fallback = fallbackTo(at) })
		_, err := up.Fallback(t.Context(), c, upstream.Answer{Status: 503}, nil)
		if err != nil {
			t.Error(err)
		}
		cause := &upstream.Error{Kind: upstream.Failed, Cause: errReset}
		if _, err := up.Fallback(t.Context(), c, upstream.Answer{}, cause); !errors.Is(err, errReset) || cause.Sent {
			t.Errorf("%s: %v", at, err)
		}
	}
}

func TestAnEgressProxyIsOnlyUsedOnThisMachine(t *testing.T) {
	cases := map[string]struct {
		networks settings.Networks
		proxy    string
		ok       bool
	}{
		"none, public":                  {settings.PublicNetworks, "", true},
		"none, loopback":                {settings.LoopbackToo, "", true},
		"loopback":                      {settings.LoopbackToo, "http://127.0.0.1:9", true},
		"loopback of IPv6":              {settings.LoopbackToo, "http://[::1]:9", true},
		"not where loopback is closed":  {settings.PublicNetworks, "http://127.0.0.1:9", false},
		"not elsewhere":                 {settings.LoopbackToo, "http://192.0.2.1:9", false},
		"not by a name":                 {settings.LoopbackToo, "http://localhost:9", false},
		"not of another kind":           {settings.LoopbackToo, "socks5://127.0.0.1:9", false},
		"not what cannot be read":       {settings.LoopbackToo, "http://[::1", false},
		"not with unknown networks":     {"private", "", false},
		"not without any networks":      {"", "", false},
		"not if it has no host, either": {settings.LoopbackToo, "http://", false},
	}
	for name, c := range cases {
		if tr, err := upstream.Transport(c.networks, c.proxy); (err == nil) != c.ok || (tr != nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCallsGoThroughTheEgressProxy(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		mu.Lock()
		asked = append(asked, q.URL.String())
		mu.Unlock()
		w.WriteHeader(http.StatusTeapot)
	}))
	defer proxy.Close()
	want(t, over(transport(t, settings.LoopbackToo, proxy.URL)), http.StatusTeapot)
	if got := strings.Join(asked, " "); got != "http://a.example/base/orders/42?x=1" {
		t.Errorf("the proxy was asked for %q", got)
	}
}
