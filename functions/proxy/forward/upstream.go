package forward

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"

	"code.dny.dev/ssrf"

	"sluice/shared/catalog"
	"sluice/shared/decision"
	"sluice/shared/settings"
)

// The times that a call upstream is bound to.
const (
	dialWithin = 2 * time.Second
	headRoom   = 500 * time.Millisecond // left of the deadline to shape the answer and send it
	// idleFor is how long a connection may lie idle and be used again. Common servers close theirs after 5 s, and a request
	// that meets a closing connection fails if it must not be repeated.
	idleFor = 4 * time.Second
)

// maxFieldBytes bounds the header of an upstream's answer.
const maxFieldBytes = 32 << 10

// Transport makes the transport for calls upstream. Each dial is checked after the name was resolved and just before
// connecting, so no name can lead us astray: public addresses only, and with settings.LoopbackToo those of this machine.
// Proxies that the environment names are not used: they would be asked to connect where we may not.
func Transport(networks settings.Networks) *http.Transport {
	options := []ssrf.Option{ssrf.WithAnyPort()}
	if networks == settings.LoopbackToo {
		options = append(options,
			ssrf.WithAllowedV4Prefixes(netip.MustParsePrefix("127.0.0.0/8")),
			ssrf.WithAllowedV6Prefixes(netip.MustParsePrefix("::1/128")))
	}
	dialer := &net.Dialer{Timeout: dialWithin, KeepAlive: 15 * time.Second, Control: ssrf.New(options...).Safe}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true) // one call at a time per instance gains nothing from streams, and a frozen one can lose them
	return &http.Transport{
		Proxy:                  nil,
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    5 * time.Second,
		DisableCompression:     true, // what the caller accepts is what the caller gets
		MaxIdleConnsPerHost:    256,
		IdleConnTimeout:        idleFor,
		MaxResponseHeaderBytes: maxFieldBytes,
		Protocols:              protocols,
	}
}

// callUpstream sends the request and reads the answer, within the upstream's timeout and the caller's deadline.
func (p *Proxy) callUpstream(ctx context.Context, c *call) error {
	p.dropStale()
	bounded, cancel := context.WithTimeout(ctx, patience(ctx, c.decision.Target.Upstream))
	defer cancel()
	began := p.now()
	defer func() { c.upstream = p.now().Sub(began) }()

	res, err := p.upstreams.RoundTrip(c.request.WithContext(bounded))
	if err != nil {
		return upstreamFault(ctx, fmt.Errorf("call upstream: %w", err))
	}
	defer func() { _ = res.Body.Close() }() // what is left unread is not wanted
	if res.StatusCode < 200 || res.StatusCode > 599 {
		return upstreamFault(ctx, fmt.Errorf("the upstream answered with status %d", res.StatusCode))
	}
	if c.received, err = readAnswer(c, res); err != nil {
		return upstreamFault(ctx, err)
	}
	c.response = res
	return nil
}

// patience is how long the upstream may take. Contexts run on the real clock, so this does too.
func patience(ctx context.Context, u catalog.Upstream) time.Duration {
	most := time.Duration(u.TimeoutMs) * time.Millisecond
	if most <= 0 {
		most = catalog.DefaultTimeoutMs * time.Millisecond
	}
	if deadline, ok := ctx.Deadline(); ok {
		most = min(most, time.Until(deadline)-headRoom)
	}
	return max(0, most)
}

// dropStale closes idle connections after a pause. While an instance is frozen its timers stand still and its peers' do
// not, so what was open before a freeze is likely to be closed by now.
func (p *Proxy) dropStale() {
	now := p.now().UnixNano()
	before := p.lastCall.Swap(now)
	if idle, ok := p.upstreams.(interface{ CloseIdleConnections() }); ok && now-before > int64(idleFor) {
		idle.CloseIdleConnections()
	}
}

// readAnswer reads the answer's body, at most as much as is allowed.
func readAnswer(c *call, res *http.Response) ([]byte, error) {
	if !hasBody(c.request.Method, res.StatusCode) {
		return nil, nil
	}
	most := int64(c.decision.Target.Upstream.MaxResponseBytes)
	if most <= 0 {
		most = catalog.DefaultMaxResponseBytes
	}
	if res.ContentLength > most {
		return nil, fmt.Errorf("the upstream's answer has %d bytes, %d are allowed", res.ContentLength, most)
	}
	if res.ContentLength >= 0 {
		body := make([]byte, res.ContentLength)
		if _, err := io.ReadFull(res.Body, body); err != nil {
			return nil, fmt.Errorf("read the upstream's answer: %w", err)
		}
		return body, nil
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, most+1))
	if err != nil {
		return nil, fmt.Errorf("read the upstream's answer: %w", err)
	}
	if int64(len(body)) > most {
		return nil, fmt.Errorf("the upstream's answer has more than %d bytes", most)
	}
	return body, nil
}

// hasBody reports whether an answer can have a body (RFC 9110 §6.4.1).
func hasBody(method string, status int) bool {
	return method != http.MethodHead && status != http.StatusNoContent && status != http.StatusNotModified
}

// upstreamFault says what a failed call upstream is for the caller, who learns nothing about the upstream (promise 9).
func upstreamFault(caller context.Context, err error) error {
	if errors.Is(caller.Err(), context.Canceled) {
		return errGone
	}
	code := decision.UpstreamFailed
	var slow net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &slow) && slow.Timeout() {
		code = decision.UpstreamTimeout
	}
	return &refusal{Denial: decision.Denial{Code: code}, cause: err}
}
