package traffic

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"sluice/scripts/sluice/fault"
)

const (
	callLimit = 35 * time.Second // longer than any call of the gateway
	bodyStart = 512              // bytes that are looked at
)

// line is one keep-alive connection.
type line struct {
	address string
	from    string
	conn    net.Conn
	in      *bufio.Reader
	request []byte
	start   [bodyStart]byte
}

func (w *line) dial(ctx context.Context) error {
	d := net.Dialer{}
	if w.from != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(w.from)}
	}
	conn, err := d.DialContext(ctx, "tcp", w.address)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	w.conn, w.in = conn, bufio.NewReaderSize(conn, 4<<10)
	return nil
}

func (w *line) close() {
	if w.conn != nil {
		_ = w.conn.Close() // all that was wanted has been read
		w.conn = nil
	}
}

// call makes one call of the lane; the zero answer says that there was none. The answer's body is good until the next call.
func (w *line) call(ctx context.Context, l *Lane, idempotency string) (took time.Duration, a answer) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	began := time.Now()
	if w.conn == nil {
		if err := w.dial(ctx); err != nil {
			_ = fault.Sleep(ctx, slowDown) // a server that is not there must not be asked in a tight loop
			return 0, answer{}
		}
	}
	if w.exchange(began.Add(callLimit), l, idempotency, &a) != nil {
		w.close()
		return time.Since(began), answer{}
	}
	return time.Since(began), a
}

// exchange keeps the connection only if the answer lets it.
func (w *line) exchange(until time.Time, l *Lane, idempotency string, a *answer) error {
	if err := w.conn.SetDeadline(until); err != nil {
		return err
	}
	b := fmt.Appendf(w.request[:0], "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: sluice-soak\r\n", l.Method, l.Path, w.address)
	if key := l.key.Load(); key != nil {
		b = fmt.Appendf(b, "X-Api-Key: %s\r\n", *key)
	}
	if idempotency != "" {
		b = fmt.Appendf(b, "Idempotency-Key: %s\r\n", idempotency)
	}
	if l.Method == http.MethodPost {
		b = append(b, "Content-Length: 0\r\n"...)
	}
	w.request = append(b, "\r\n"...)
	if _, err := w.conn.Write(w.request); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	res, err := http.ReadResponse(w.in, nil)
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	n, _ := io.ReadFull(res.Body, w.start[:]) // an end before that is none; the next line finds any other error again
	_, err = io.Copy(io.Discard, res.Body)
	if closing := res.Body.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return fmt.Errorf("read the answer's body: %w", err)
	}
	a.read(res)
	a.body = w.start[:n]
	if res.Close {
		w.close()
	}
	return nil
}
