// Package load drives a server in a closed loop: each connection sends its next request when it has the last answer. It
// writes prepared bytes and reads answers with as little work as it can, since it shares the processors with what it
// measures.
package load

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Limit ends a run that does not come to its end.
const Limit = 3 * time.Minute

// Target is where requests go, and the request: the same bytes each time.
type Target struct {
	Address string // host:port
	Request []byte
}

// Get is a target that reads a path with an API key.
func Get(address, path, key string) Target {
	return Target{address, fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: sluice-bench\r\nAccept: application/json\r\nX-Api-Key: %s\r\n\r\n", path, address, key)}
}

// Post is a target that posts nothing to a path with an API key. No client or proxy may send it twice by itself.
func Post(address, path, key string) Target {
	return Target{address, fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: sluice-bench\r\nX-Api-Key: %s\r\nContent-Length: 0\r\n\r\n", path, address, key)}
}

// Result is what a run saw.
type Result struct {
	Requests int
	Failures int             // answers other than 200, and requests without an answer
	First    string          // the first failure, in words
	Took     time.Duration   // from the first request to the last answer
	Latency  []time.Duration // of each answer with 200, ascending
}

// Run sends so many requests over so many connections. Failed requests are counted; the error says that the run could
// not begin or did not end within Limit.
func Run(ctx context.Context, t Target, connections, requests int) (Result, error) {
	ctx, cancel := context.WithTimeout(ctx, Limit)
	defer cancel()
	workers := make([]*worker, min(connections, requests))
	for i := range workers {
		workers[i] = &worker{target: t}
		if err := workers[i].dial(ctx); err != nil {
			return Result{}, err
		}
	}
	var next atomic.Int64
	var running sync.WaitGroup
	begun := time.Now()
	for _, w := range workers {
		running.Go(func() {
			defer w.close()
			for ctx.Err() == nil && next.Add(1) <= int64(requests) {
				w.once(ctx)
			}
		})
	}
	running.Wait()
	r := Result{Took: time.Since(begun)}
	for _, w := range workers {
		r.Requests += len(w.latency) + w.failures
		r.Failures += w.failures
		r.Latency = append(r.Latency, w.latency...)
		if r.First == "" {
			r.First = w.first
		}
	}
	slices.Sort(r.Latency)
	if ctx.Err() != nil {
		return r, fmt.Errorf("the run was cut off after %d of %d requests: %w", r.Requests, requests, ctx.Err())
	}
	return r, nil
}

// Until sends requests over so many connections until ctx ends, and tells of each one: its status, 0 if it got no answer. What
// is under way then comes to its end, so that nothing is left uncounted. told is called from several goroutines.
func Until(ctx context.Context, t Target, connections int, told func(status int)) {
	var running sync.WaitGroup
	for range connections {
		running.Go(func() {
			w := &worker{target: t}
			defer w.close()
			for ctx.Err() == nil {
				told(w.bounded(context.WithoutCancel(ctx)))
			}
		})
	}
	running.Wait()
}

// callLimit bounds one call of Until.
const callLimit = 30 * time.Second

// bounded sends one request and gives the status of the answer; 0 if there is none in time.
func (w *worker) bounded(ctx context.Context) int {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	if w.conn == nil {
		if err := w.dial(ctx); err != nil {
			_ = Wait(ctx, time.Millisecond) // a server that is not there must not be asked in a tight loop
			return 0
		}
	}
	if err := w.conn.SetDeadline(time.Now().Add(callLimit)); err != nil {
		w.close()
		return 0
	}
	status, _ := w.exchange()
	return status
}

// Wait waits for so long, or until the context ends; then its error is given.
func Wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// worker is one connection.
type worker struct {
	target   Target
	conn     net.Conn
	in       *bufio.Reader
	latency  []time.Duration
	failures int
	first    string
}

func (w *worker) dial(ctx context.Context) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", w.target.Address)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if at, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(at); err != nil {
			return errors.Join(err, conn.Close())
		}
	}
	w.conn, w.in = conn, bufio.NewReaderSize(conn, 8<<10)
	return nil
}

func (w *worker) close() {
	if w.conn != nil {
		_ = w.conn.Close() // all that was wanted has been read
		w.conn = nil
	}
}

// once sends one request and reads its answer.
func (w *worker) once(ctx context.Context) {
	begun := time.Now()
	if w.conn == nil {
		if err := w.dial(ctx); err != nil {
			w.failed(err.Error())
			return
		}
	}
	if _, err := w.exchange(); err != nil {
		w.failed(err.Error())
		return
	}
	w.latency = append(w.latency, time.Since(begun))
}

func (w *worker) failed(why string) {
	w.failures++
	if w.first == "" {
		w.first = why
	}
}

// exchange keeps the connection only if the answer lets it. The status is 0 if there was no whole answer; any but 200 is an
// error.
func (w *worker) exchange() (status int, err error) {
	if _, err := w.conn.Write(w.target.Request); err != nil {
		w.close()
		return 0, fmt.Errorf("send: %w", err)
	}
	res, err := http.ReadResponse(w.in, nil)
	if err != nil {
		w.close()
		return 0, fmt.Errorf("read the answer: %w", err)
	}
	var start [300]byte
	n, _ := io.ReadFull(res.Body, start[:]) // an end before that is none; the next line finds any other error again
	_, err = io.Copy(io.Discard, res.Body)
	if closing := res.Body.Close(); err == nil {
		err = closing
	}
	if err != nil || res.Close {
		w.close()
	}
	if err != nil {
		return 0, fmt.Errorf("read the answer's body: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return res.StatusCode, fmt.Errorf("%s: %s", res.Status, start[:n])
	}
	return res.StatusCode, nil
}

// Percentile gives the value below or at which a share p of the ascending values lies (nearest rank); 0 if there is none.
func Percentile(ascending []time.Duration, p float64) time.Duration {
	if len(ascending) == 0 {
		return 0
	}
	at := int(math.Ceil(p*float64(len(ascending)))) - 1
	return ascending[min(max(at, 0), len(ascending)-1)]
}
