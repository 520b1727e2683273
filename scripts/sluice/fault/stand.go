package fault

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	idle       = time.Minute
	headWithin = 10 * time.Second
)

// Stand is a server on a loopback port of its own, in the place of a target.
type Stand struct {
	server *http.Server
	url    string
	served sync.WaitGroup
	stop   context.CancelFunc
	forget func() // undoes what told others of it; may be nil
}

// URL is where it is reached, without a slash at its end.
func (s *Stand) URL() string { return s.url }

// Close ends it; what is under way is cut off.
func (s *Stand) Close() {
	s.stop() // what waits, waits no longer
	_ = s.server.Close()
	s.served.Wait()
	if s.forget != nil {
		s.forget()
	}
}

// StandIn serves next in the target's place, with the drill's faults.
func (d *Drill) StandIn(ctx context.Context, t Target, next http.Handler) (*Stand, error) {
	return stand(ctx, d.Handler(t, next), func(l net.Listener) net.Listener { return d.Listener(t, l) })
}

func stand(ctx context.Context, h http.Handler, wrap func(net.Listener) net.Listener) (*Stand, error) {
	var cfg net.ListenConfig
	l, err := cfg.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	s := &Stand{url: "http://" + l.Addr().String(), stop: stop, server: &http.Server{Handler: h, ReadHeaderTimeout: headWithin,
		IdleTimeout: idle, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
		BaseContext: func(net.Listener) context.Context { return life }}}
	s.served.Go(func() { _ = s.server.Serve(wrap(l)) }) // it ends by Close; if it ended before, every request would fail and say so
	return s, nil
}

// Pass hands requests to a server and its answers back. Where the server does not answer, the connection is broken, as it
// would be without us in between.
func Pass(to string) (http.Handler, error) {
	u, err := url.Parse(to)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("%q is no URL of a server: %w", to, err)
	}
	return &httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(u); r.Out.Host = r.In.Host },
		Transport:    &http.Transport{MaxIdleConnsPerHost: 512, IdleConnTimeout: idle, DisableCompression: true},
		ErrorLog:     slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { reset(w) },
	}, nil
}

// Egress is a forward proxy (RFC 9110 §3.7): requests with an absolute target go where they say, CONNECT opens a tunnel.
// The transport judges where that may be, by its DialContext too.
func Egress(transport *http.Transport) http.Handler {
	forward := &httputil.ReverseProxy{Rewrite: asItCame, Transport: transport,
		ErrorLog:     slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { reset(w) }}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodConnect:
			tunnel(w, r, transport)
		case r.URL.IsAbs():
			forward.ServeHTTP(w, r)
		default:
			http.Error(w, "this is a proxy: name a target", http.StatusBadRequest)
		}
	})
}

// asItCame undoes what the reverse proxy takes from a request, except what belongs to the connection. And it sees to it that
// net/http sends nothing twice when a kept connection breaks: whoever calls through us decides about that. A key for it is
// spelled in lower case, where net/http does not see it; a request of a method that it would repeat has a body, which is empty.
func asItCame(r *httputil.ProxyRequest) {
	for _, name := range []string{"Idempotency-Key", "X-Idempotency-Key"} {
		if values, ok := r.Out.Header[name]; ok {
			delete(r.Out.Header, name)
			r.Out.Header[strings.ToLower(name)] = values
		}
	}
	switch r.Out.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		if r.Out.Body == nil {
			r.Out.Body = io.NopCloser(strings.NewReader(""))
		}
	}
	r.Out.Host, r.Out.URL.RawQuery = r.In.Host, r.In.URL.RawQuery
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
		if values, ok := r.In.Header[name]; ok {
			r.Out.Header[name] = values
		}
	}
}

// tunnel joins the caller with the place that it named, until either side ends.
func tunnel(w http.ResponseWriter, r *http.Request, transport *http.Transport) {
	there, err := transport.DialContext(r.Context(), "tcp", r.Host)
	if err != nil {
		http.Error(w, "the target cannot be reached", http.StatusBadGateway)
		return
	}
	defer func() { _ = there.Close() }() // it has ended already, or must now
	here, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, "no tunnel on this connection", http.StatusBadRequest)
		return
	}
	defer func() { _ = here.Close() }() // likewise
	if _, err := io.WriteString(here, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return
	}
	end := context.AfterFunc(r.Context(), func() { _ = here.Close(); _ = there.Close() })
	defer end()
	var joined sync.WaitGroup
	joined.Go(func() {
		_, _ = io.Copy(there, buffered) // an end is an end, whatever it is called
		_ = there.Close()
	})
	_, _ = io.Copy(here, there) // likewise
	_ = here.Close()
	joined.Wait()
}
