package fault

import (
	"fmt"
	"hash/crc32"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// Listener breaks connections while the target is down: new ones are reset at once, open ones as soon as anything moves on
// them, an answer under way included.
func (d *Drill) Listener(t Target, l net.Listener) net.Listener { return &listener{l, d, t} }

type listener struct {
	net.Listener
	drill  *Drill
	target Target
}

// Accept gives the next connection that is not reset.
func (l *listener) Accept() (net.Conn, error) {
	for {
		inner, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c := &conn{Conn: inner, drill: l.drill, target: l.target}
		if !l.drill.down(l.target, true) {
			return c, nil
		}
		c.reset()
	}
}

type conn struct {
	net.Conn
	drill  *Drill
	target Target
	once   sync.Once
}

// reset ends the connection so that the other side sees an error, and not an end.
func (c *conn) reset() {
	c.once.Do(func() {
		if tcp, ok := c.Conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // else it ends in the ordinary way, which is an end, too
		}
		_ = c.Close() // nobody is told
	})
}

// Read reads, unless the target is away.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err == nil && c.drill.down(c.target, true) {
		c.reset()
		return 0, errAway
	}
	return n, err
}

// Write writes, unless the target is away.
func (c *conn) Write(b []byte) (int, error) {
	if c.drill.down(c.target, true) {
		c.reset()
		return 0, errAway
	}
	return c.Conn.Write(b)
}

// Handler breaks requests before next, which stands for the target.
func (d *Drill) Handler(t Target, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f := d.draw(t)
		if f.delay > 0 && d.world.Sleep(r.Context(), f.delay) != nil {
			reset(w) // the caller has gone, or we are going
			return
		}
		switch f.as {
		case "":
			next.ServeHTTP(w, r)
		case Lost:
			next.ServeHTTP(&unheard{header: http.Header{}}, r)
			reset(w)
		default:
			refuse(w, t, f.as)
		}
	})
}

// unheard takes an answer that nobody gets.
type unheard struct{ header http.Header }

// Header gives a header that is not sent.
func (u *unheard) Header() http.Header { return u.header }

// Write forgets.
func (u *unheard) Write(b []byte) (int, error) { return len(b), nil }

// WriteHeader forgets.
func (u *unheard) WriteHeader(int) {}

// reset breaks the connection of a request. Where there is none to break, since nobody hears the answer, it says so to nobody.
func reset(w http.ResponseWriter) {
	raw, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	switch c := raw.(type) {
	case *conn:
		c.reset()
	default:
		(&conn{Conn: raw}).reset()
	}
}

// refuse answers as the target would.
func refuse(w http.ResponseWriter, t Target, as Kind) {
	switch {
	case t == Store && as == Throttle:
		refuseAsDynamoDB(w, http.StatusBadRequest, "ProvisionedThroughputExceededException",
			"The level of configured provisioned throughput for the table was exceeded. This is a drill.")
	case t == Store:
		refuseAsDynamoDB(w, http.StatusInternalServerError, "InternalServerError", "Internal server error. This is a drill.")
	case as == Throttle:
		w.Header().Set("Retry-After", "1")
		http.Error(w, "too many requests: this is a drill", http.StatusTooManyRequests)
	default:
		http.Error(w, "out of order: this is a drill", http.StatusServiceUnavailable)
	}
}

// refuseAsDynamoDB writes an error in the form of DynamoDB's API, with the checksum that its client verifies.
func refuseAsDynamoDB(w http.ResponseWriter, status int, name, message string) {
	body := fmt.Appendf(nil, `{"__type":"com.amazonaws.dynamodb.v20120810#%s","message":%q}`, name, message)
	h := w.Header()
	h.Set("Content-Type", "application/x-amz-json-1.0")
	h.Set("X-Amzn-Requestid", strings.Repeat("D", 52))
	h.Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(body)), 10))
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a caller that is gone needs no answer
}
