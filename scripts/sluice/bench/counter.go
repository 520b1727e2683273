package bench

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
)

// counter stands before a DynamoDB engine and counts its operations.
type counter struct {
	proxy *httputil.ReverseProxy
	mu    sync.Mutex
	seen  map[string]int
}

func newCounter(endpoint string) (*counter, error) {
	to, err := url.Parse(endpoint)
	if err != nil {
		return nil, fmt.Errorf("the engine's address: %w", err)
	}
	return &counter{seen: map[string]int{}, proxy: &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}}, nil
}

// ServeHTTP counts one operation and passes it on.
func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, operation, ok := strings.Cut(r.Header.Get("X-Amz-Target"), "."); ok {
		c.mu.Lock()
		c.seen[operation]++
		c.mu.Unlock()
	}
	c.proxy.ServeHTTP(w, r)
}

func (c *counter) snapshot() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.seen)
}

// since gives what has been counted after a snapshot, without zeros.
func since(before, now map[string]int) map[string]int {
	more := map[string]int{}
	for operation, n := range now {
		if d := n - before[operation]; d != 0 {
			more[operation] = d
		}
	}
	return more
}

// split sums the operations that read and all others, which write.
func split(operations map[string]int) (reads, writes int) {
	for operation, n := range operations {
		switch operation {
		case "GetItem", "BatchGetItem", "TransactGetItems", "Query", "Scan", "DescribeTable":
			reads += n
		default:
			writes += n
		}
	}
	return reads, writes
}
