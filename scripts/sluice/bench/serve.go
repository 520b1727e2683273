package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// serveCommand is a hidden command that serves on a random loopback port, says which, and ends on a signal.
func serveCommand(name string, handler func() http.Handler) *cobra.Command {
	return &cobra.Command{Use: name, Hidden: true, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return serve(c.Context(), c.OutOrStdout(), handler()) }}
}

func floorCommand() *cobra.Command {
	var to, key string
	c := &cobra.Command{Use: "floor", Hidden: true, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			u, err := url.Parse(to)
			if err != nil {
				return fmt.Errorf("--to: %w", err)
			}
			return serve(c.Context(), c.OutOrStdout(), floor(u, key))
		}}
	c.Flags().StringVar(&to, "to", "", "the upstream")
	c.Flags().StringVar(&key, "key", "", "the key that is known")
	return c
}

func serve(ctx context.Context, out io.Writer, h http.Handler) error {
	ctx, restore := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer restore()
	server, address, err := listen(ctx, h)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(out, "serving http://%s\n", address); err != nil {
		return errors.Join(err, server.Close())
	}
	<-ctx.Done()
	return server.Close()
}

// listen serves on a loopback port; Close of the server ends it.
func listen(ctx context.Context, h http.Handler) (*http.Server, string, error) {
	var cfg net.ListenConfig
	l, err := cfg.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", fmt.Errorf("listen: %w", err)
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(l) }() // it ends by Close; if it ends before, every request fails and says so
	return server, l.Addr().String(), nil
}

// upstream answers everything with 1 KB of JSON.
func upstream() http.Handler {
	const size = 1024
	head, tail := `{"id":"42","name":"`, `"}`
	body := []byte(head + strings.Repeat("x", size-len(head)-len(tail)) + tail)
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body) // a caller that has gone misses it
	})
}

// floor is the least that a gateway in Go does: look the key up, take a token from its bucket, pass the call on.
func floor(to *url.URL, key string) http.Handler {
	const rate = 1e6
	proxy := &httputil.ReverseProxy{
		Rewrite:    func(r *httputil.ProxyRequest) { r.SetURL(to) },
		BufferPool: &buffers{sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}},
		Transport: &http.Transport{MaxIdleConnsPerHost: 512, IdleConnTimeout: time.Minute, DisableCompression: true,
			ResponseHeaderTimeout: 30 * time.Second},
	}
	keys := map[string]*bucket{key: {rate: rate, tokens: rate, at: time.Now()}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, ok := keys[r.Header.Get("X-Api-Key")]
		switch {
		case !ok:
			http.Error(w, "key required", http.StatusUnauthorized)
		case !b.take(time.Now()):
			http.Error(w, "too many requests", http.StatusTooManyRequests)
		default:
			proxy.ServeHTTP(w, r)
		}
	})
}

// bucket is a token bucket in memory.
type bucket struct {
	mu           sync.Mutex
	rate, tokens float64
	at           time.Time
}

func (b *bucket) take(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tokens = min(b.rate, b.tokens+now.Sub(b.at).Seconds()*b.rate)
	b.at = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// buffers lends the reverse proxy its copy buffers.
type buffers struct{ pool sync.Pool }

// Get lends a buffer.
func (b *buffers) Get() []byte {
	if p, ok := b.pool.Get().(*[]byte); ok {
		return *p
	}
	return make([]byte, 32<<10)
}

// Put takes a buffer back.
func (b *buffers) Put(buffer []byte) { b.pool.Put(&buffer) }
