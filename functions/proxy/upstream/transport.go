package upstream

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"code.dny.dev/ssrf"

	"sluice/shared/catalog"
	"sluice/shared/settings"
)

const (
	dialWithin = 2 * time.Second
	// idleFor is how long a connection may lie idle and be used again. Common servers close theirs after 5 s, and a request
	// that meets a closing connection fails if it must not be repeated.
	idleFor = 4 * time.Second
	// maxFieldBytes bounds the header of an upstream's answer.
	maxFieldBytes = 32 << 10
)

// Transport makes the transport for calls upstream. Each dial is checked after the name was resolved and just before
// connecting, so no name can lead us astray: public addresses only, and with settings.LoopbackToo those of this machine.
// Proxies that the environment names are not used: they would be asked to connect where we may not.
//
// proxy is the URL of an egress proxy, "" for none: the local cloud injects faults there. It is an error unless loopback is
// allowed and the proxy is there, by its address: a proxy connects for us, and past the check.
func Transport(networks settings.Networks, proxy string) (*http.Transport, error) {
	options := []ssrf.Option{ssrf.WithAnyPort()}
	switch networks {
	case settings.PublicNetworks:
	case settings.LoopbackToo:
		options = append(options,
			ssrf.WithAllowedV4Prefixes(netip.MustParsePrefix("127.0.0.0/8")),
			ssrf.WithAllowedV6Prefixes(netip.MustParsePrefix("::1/128")))
	default:
		return nil, fmt.Errorf("unknown networks %q", networks) // it cannot guard what it does not understand
	}
	via, err := egress(networks, proxy)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: dialWithin, KeepAlive: 15 * time.Second, Control: ssrf.New(options...).Safe}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true) // one call at a time per instance gains nothing from streams, and a frozen one can lose them
	return &http.Transport{
		Proxy:                  paid(via),
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    5 * time.Second,
		DisableCompression:     true, // what the caller accepts is what the caller gets
		MaxIdleConnsPerHost:    256,
		IdleConnTimeout:        idleFor,
		MaxResponseHeaderBytes: maxFieldBytes,
		Protocols:              protocols,
	}, nil
}

// egress makes the transport's choice of proxy; nil for none.
func egress(networks settings.Networks, proxy string) (func(*http.Request) (*url.URL, error), error) {
	if proxy == "" {
		return nil, nil
	}
	u, err := url.Parse(proxy)
	if err != nil {
		return nil, fmt.Errorf("read the egress proxy's URL: %w", err)
	}
	at, err := netip.ParseAddr(u.Hostname())
	if networks != settings.LoopbackToo || u.Scheme != "http" || err != nil || !at.IsLoopback() {
		return nil, fmt.Errorf("the egress proxy %s is not one on loopback, or loopback is not allowed", u.Redacted())
	}
	return http.ProxyURL(u), nil
}

// dropStale closes idle connections after a pause. While an instance is frozen its timers stand still and its peers' do
// not, so what was open before a freeze is likely to be closed by now.
func (c *Client) dropStale() {
	now := c.now().UnixNano()
	before := c.lastCall.Swap(now)
	if now-before <= int64(idleFor) {
		return
	}
	if idle, ok := c.transport.(interface{ CloseIdleConnections() }); ok {
		idle.CloseIdleConnections()
	}
}

// errTooLarge is an answer that is larger than allowed. It would be so again.
type errTooLarge struct{ most int64 }

func (e errTooLarge) Error() string {
	return fmt.Sprintf("the answer has more than the %d bytes that are allowed", e.most)
}

// read reads an answer to its end, at most as much as is allowed.
func read(method string, u *catalog.Upstream, res *http.Response) (Answer, error) {
	if res.StatusCode < 200 || res.StatusCode > 599 {
		return Answer{}, fmt.Errorf("the status is %d", res.StatusCode)
	}
	body, err := readBody(method, u, res)
	if err != nil {
		return Answer{}, fmt.Errorf("read the answer: %w", err)
	}
	return Answer{Status: res.StatusCode, Header: res.Header, Body: body}, nil
}

func readBody(method string, u *catalog.Upstream, res *http.Response) ([]byte, error) {
	if !hasBody(method, res.StatusCode) {
		return nil, nil
	}
	most := int64(u.MaxResponseBytes)
	if most <= 0 {
		most = catalog.DefaultMaxResponseBytes
	}
	if res.ContentLength > most {
		return nil, errTooLarge{most}
	}
	if res.ContentLength >= 0 {
		body := make([]byte, res.ContentLength)
		_, err := io.ReadFull(res.Body, body)
		return body, err
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, most+1))
	if err == nil && int64(len(body)) > most {
		err = errTooLarge{most}
	}
	return body, err
}

// hasBody reports whether an answer can have a body (RFC 9110 §6.4.1).
func hasBody(method string, status int) bool {
	return method != http.MethodHead && status != http.StatusNoContent && status != http.StatusNotModified
}
