package authorize

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"sluice/shared/decision"
)

// The bounds of the flood guard: after more than floodLimit bad credentials within floodWindow, an address is blocked for
// floodBlock. Each instance counts for itself.
const (
	floodLimit  = 50
	floodWindow = 10 * time.Second
	floodBlock  = 30 * time.Second
	floodSets   = 1024
	floodWays   = 4
)

// floods counts bad credentials by address, in a table of fixed size (128 KB) that never grows: each address has four
// places it can be in, and a new one takes the place that matters least. Nobody's flood is counted against others, except
// that an IPv6 caller is its /64: that is what one customer has.
//
// While an address is blocked, only keys that this instance already knows are looked at: behind one address may be many
// honest callers. Any other key is refused without a read, a good one too, until the block ends; the answer is then the
// gateway's bare 403.
//
// A second table counts calls without a credential to APIs that are not there, since each new name costs a read. It blocks no
// key: while an address is blocked there, its calls without a credential are told that they lack one, without a read.
type floods struct {
	seed  maphash.Seed
	until atomic.Int64 // no address is blocked after this, in ns since the Unix epoch: spares everybody the lock

	mu   sync.Mutex
	sets [floodSets][floodWays]origin
}

// origin is one address. Its id is a hash with a seed of this process: it identifies nobody elsewhere. Instants are in ns
// since the Unix epoch.
type origin struct {
	id      uint64
	since   int64 // start of the window that bad counts in
	blocked int64 // until when it is blocked; 0 if it is not
	bad     int
}

func newFloods() *floods { return &floods{seed: maphash.MakeSeed()} }

// bad reports whether a refusal counts against the address: a guess or garbage does, an expired or a missing key does not,
// since their owner should go on being told what is wrong.
func bad(code decision.Refusal) bool {
	return code == decision.CredentialInvalid || code == decision.AmbiguousCredentials
}

// id names an address; 0 is none.
func (f *floods) id(address string) uint64 {
	if address == "" {
		return 0
	}
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return maphash.String(f.seed, address) | 1
	}
	if ip = ip.Unmap(); ip.Is6() {
		p, _ := ip.WithZone("").Prefix(64) // 64 bits fit in any IPv6 address
		ip = p.Addr()
	}
	bytes := ip.As16()
	return maphash.Bytes(f.seed, bytes[:]) | 1
}

// blocked reports whether the address is blocked at the instant.
func (f *floods) blocked(address string, now time.Time) bool {
	at := now.UnixNano()
	if at >= f.until.Load() {
		return false
	}
	id := f.id(address)
	if id == 0 {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	set := &f.sets[id>>1%floodSets]
	for i := range set {
		if set[i].id == id {
			return at < set[i].blocked
		}
	}
	return false
}

// count notes what the address did. Where it is blocked already that changes nothing: a block ends by itself.
func (f *floods) count(address string, now time.Time) {
	id := f.id(address)
	if id == 0 {
		return
	}
	at := now.UnixNano()
	f.mu.Lock()
	defer f.mu.Unlock()
	o := f.place(id, at)
	if at < o.blocked {
		return
	}
	if at < o.since || at-o.since >= int64(floodWindow) || o.blocked != 0 {
		*o = origin{id: id, since: at}
	}
	o.bad++
	if o.bad > floodLimit {
		o.blocked = at + int64(floodBlock)
		f.until.Store(max(f.until.Load(), o.blocked))
	}
}

// place finds the address's place, or makes one: of the four, an empty one, else the one that matters least.
func (f *floods) place(id uint64, at int64) *origin {
	set := &f.sets[id>>1%floodSets]
	least := &set[0]
	for i := range set {
		if set[i].id == id {
			return &set[i]
		}
		if set[i].weight(at) < least.weight(at) {
			least = &set[i]
		}
	}
	*least = origin{id: id, since: at}
	return least
}

// weight orders origins by how much it matters to remember them: the blocked most, then by count, the outdated not at all.
func (o *origin) weight(at int64) int {
	switch {
	case o.id == 0:
		return -1
	case at < o.blocked:
		return floodLimit + 1
	case at-o.since >= int64(floodWindow):
		return 0
	}
	return o.bad
}
