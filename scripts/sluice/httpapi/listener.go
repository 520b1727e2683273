package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"sluice/shared/decision"
	"sluice/shared/problem"
)

// Listen opens a loopback address. Any other is refused: the local cloud has keys of no worth and no TLS.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("address %q: %w", address, err)
	}
	ips := []net.IP{net.ParseIP(host)}
	if host == "localhost" {
		ips = []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	for _, ip := range ips {
		if ip == nil || !ip.IsLoopback() {
			return nil, fmt.Errorf("address %q: the local cloud listens on loopback only, such as 127.0.0.1:8080", address)
		}
	}
	var cfg net.ListenConfig
	l, err := cfg.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return listener{l}, nil
}

// NewServer makes the server of one API.
func NewServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		DisableGeneralOptionsHandler: true,
		MaxHeaderBytes:               64 << 10, // the API refuses less than that itself, with a problem
	}
}

// listener gives connections on which net/http's own refusals are problems, too.
type listener struct{ net.Listener }

// Accept waits for the next connection.
func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return conn{c}, nil
}

// conn notices what net/http writes when it refuses a request before any handler sees it: a status line, exactly these
// headers and one line of text, in one write. A handler's answer always has other headers.
type conn struct{ net.Conn }

const refusalHead = "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"

// Write writes, and turns net/http's refusals into problems.
func (c conn) Write(b []byte) (int, error) {
	if len(b) > 1024 || !bytes.HasPrefix(b, []byte("HTTP/1.1 ")) {
		return c.Conn.Write(b)
	}
	line := bytes.Index(b, []byte("\r\n"))
	if line < 0 || !bytes.HasPrefix(b[line:], []byte(refusalHead)) {
		return c.Conn.Write(b)
	}
	if _, err := c.Conn.Write(problemInstead(b[len("HTTP/1.1 "):line], b[line+len(refusalHead):])); err != nil {
		return 0, err
	}
	return len(b), nil
}

func problemInstead(status, text []byte) []byte {
	requestID := newRequestID()
	d := problem.Of(problem.New(problem.Invalid, "the request cannot be read: %s", bytes.TrimSpace(text)), requestID)
	if bytes.HasPrefix(status, []byte("431 ")) {
		d = (&decision.Denial{Code: decision.HeadersTooLarge}).Document(requestID)
	}
	body, _ := json.Marshal(d) // strings and numbers only
	head := "HTTP/1.1 " + strconv.Itoa(d.Status) + " " + http.StatusText(d.Status) + "\r\nContent-Type: " + problem.MediaType +
		"\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\nX-Request-Id: " + requestID + "\r\nConnection: close\r\n\r\n"
	return append([]byte(head), body...)
}
