// Package store counts what is asked of a DynamoDB engine and what it consumes, on the way to it: as many processes as ask.
package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
)

// maxBytes is more than DynamoDB takes or gives at once.
const maxBytes = 20 << 20

// Use is what was asked and consumed. Units are DynamoDB's capacity units: those of operations that read, and of all others.
type Use struct {
	Operations map[string]int
	ReadUnits  float64
	WriteUnits float64
}

// Counter stands before a DynamoDB engine.
type Counter struct {
	proxy *httputil.ReverseProxy
	mu    sync.Mutex
	seen  Use
}

// NewCounter makes a counter before the engine at the URL.
func NewCounter(endpoint string) (*Counter, error) {
	to, err := url.Parse(endpoint)
	if err != nil {
		return nil, fmt.Errorf("the engine's address: %w", err)
	}
	c := &Counter{seen: Use{Operations: map[string]int{}}}
	c.proxy = &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }, ModifyResponse: c.answered,
		Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
	return c, nil
}

// ServeHTTP counts one operation and passes it on, with the wish to be told what it consumes.
func (c *Counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if name := operation(r); name != "" {
		c.mu.Lock()
		c.seen.Operations[name]++
		c.mu.Unlock()
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBytes))
		if err != nil {
			http.Error(w, "the request cannot be read", http.StatusBadRequest)
			return
		}
		body = wish(name, body)
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		r.Header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	c.proxy.ServeHTTP(w, r)
}

func operation(r *http.Request) string {
	_, name, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	return name
}

// wish adds the wish to a request for items; those for tables have none.
func wish(operation string, body []byte) []byte {
	var fields map[string]json.RawMessage
	items := strings.HasSuffix(operation, "Item") || strings.HasSuffix(operation, "Items") || operation == "Query" || operation == "Scan"
	if !items || json.Unmarshal(body, &fields) != nil {
		return body
	}
	fields["ReturnConsumedCapacity"] = json.RawMessage(`"TOTAL"`)
	with, err := json.Marshal(fields)
	if err != nil {
		return body
	}
	return with
}

// answered adds up what the answer says was consumed, and leaves the answer as it is.
func (c *Counter) answered(res *http.Response) error {
	name := operation(res.Request)
	if name == "" {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBytes))
	if err != nil {
		return fmt.Errorf("read the engine's answer: %w", err)
	}
	_ = res.Body.Close() // it has been read
	res.Body = io.NopCloser(bytes.NewReader(body))
	units := consumed(body)
	c.mu.Lock()
	defer c.mu.Unlock()
	if Reads(name) {
		c.seen.ReadUnits += units
	} else {
		c.seen.WriteUnits += units
	}
	return nil
}

// consumed reads the units of an answer: of one table, or of several.
func consumed(body []byte) float64 {
	type units struct{ CapacityUnits float64 }
	var answer struct{ ConsumedCapacity json.RawMessage }
	if json.Unmarshal(body, &answer) != nil || answer.ConsumedCapacity == nil {
		return 0
	}
	var one units
	if json.Unmarshal(answer.ConsumedCapacity, &one) == nil {
		return one.CapacityUnits
	}
	var several []units
	if json.Unmarshal(answer.ConsumedCapacity, &several) != nil {
		return 0
	}
	total := 0.0
	for _, u := range several {
		total += u.CapacityUnits
	}
	return total
}

// Use is what was seen so far.
func (c *Counter) Use() Use {
	c.mu.Lock()
	defer c.mu.Unlock()
	u := c.seen
	u.Operations = maps.Clone(u.Operations)
	return u
}

// Since is what was seen after an earlier look, without zeros.
func (u Use) Since(before Use) Use {
	more := Use{Operations: map[string]int{}, ReadUnits: u.ReadUnits - before.ReadUnits, WriteUnits: u.WriteUnits - before.WriteUnits}
	for name, n := range u.Operations {
		if d := n - before.Operations[name]; d != 0 {
			more.Operations[name] = d
		}
	}
	return more
}

// Split sums the operations that read and all others, which write.
func (u Use) Split() (reads, writes int) {
	for name, n := range u.Operations {
		if Reads(name) {
			reads += n
		} else {
			writes += n
		}
	}
	return reads, writes
}

// Reads reports whether an operation reads.
func Reads(operation string) bool {
	switch operation {
	case "GetItem", "BatchGetItem", "TransactGetItems", "Query", "Scan", "DescribeTable":
		return true
	}
	return false
}
