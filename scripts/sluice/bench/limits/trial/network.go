package trial

import (
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// errLost is what is heard of a request or an answer that is lost.
var errLost = errors.New("connection reset by peer")

// network is a transport that loses requests and answers.
type network struct {
	share float64
	inner http.RoundTripper
	lost  atomic.Int64

	mu     sync.Mutex
	random *rand.Rand
}

func newNetwork(seed uint64, share float64) *network {
	return &network{share: share, random: rand.New(rand.NewPCG(seed, 78)), // #nosec G404 -- what is lost need not be secret
		inner: &http.Transport{MaxIdleConnsPerHost: 128, IdleConnTimeout: 50 * time.Second}}
}

// RoundTrip makes a call, or loses it on its way there or back.
func (n *network) RoundTrip(r *http.Request) (*http.Response, error) {
	n.mu.Lock()
	luck := n.random.Float64()
	n.mu.Unlock()
	if luck < n.share {
		n.lost.Add(1)
		return nil, errLost
	}
	res, err := n.inner.RoundTrip(r)
	if err != nil || luck >= 2*n.share {
		return res, err
	}
	n.lost.Add(1)
	_, _ = io.Copy(io.Discard, res.Body) // it is lost
	_ = res.Body.Close()                 // likewise
	return nil, errLost
}
