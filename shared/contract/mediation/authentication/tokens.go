package authentication

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// Token is an access token.
type Token struct {
	Value     Secret
	ExpiresIn time.Duration // 0 if the server did not say
}

// Exchange is a request for a token (RFC 6749 §4.4.2).
type Exchange struct {
	URL          string
	ClientID     string
	ClientSecret Secret
	InBody       bool // the client's credentials go into the form, not into Authorization
	Scope        string
	Audience     string
}

// TokenClient asks a server for tokens. Whoever implements it guards addresses, bounds the answer and keeps deadlines.
type TokenClient interface {
	Token(ctx context.Context, e Exchange) (Token, error)
}

// Bounds of the tokens that are kept.
const (
	maxTokens = 1000
	assumed   = 5 * time.Minute  // how long a token is used whose server does not say
	longest   = 12 * time.Hour   // none is used longer
	margin    = 10 * time.Second // before its end a token is not used any more: the call takes a while
	pause     = time.Second      // after a failure, none is asked for
	early     = 5                // in the last fifth of its life one call fetches the next, others use the old one
)

// Tokens keeps access tokens. Of many calls that need the same one at once, one asks for it. Well before a token ends one call
// asks for the next; while that fails, the old one is used to its end. It is safe for concurrent use.
type Tokens struct {
	client TokenClient
	now    func() time.Time
	mu     sync.Mutex
	kept   map[[sha256.Size]byte]*kept
}

// kept is a token and who is asking for the next.
type kept struct {
	token   Secret
	ends    time.Time // when it is not used any more
	refresh time.Time // when the next is asked for
	asking  *asking   // nil if nobody is
	failed  error     // of the last time, until pause
}

// asking is one request for a token, and who waits for it.
type asking struct {
	done  chan struct{}
	token Secret
	err   error
}

// NewTokens makes an empty store.
func NewTokens(client TokenClient, now func() time.Time) *Tokens {
	return &Tokens{client: client, now: now, kept: make(map[[sha256.Size]byte]*kept)}
}

// Get gives the access token of a declaration of type oauth2_client_credentials; value is that of its secret. Another value
// has another token: a rotated secret is in use at once. The error is ErrSecret, the client's or the context's.
func (t *Tokens) Get(ctx context.Context, d *Declaration, value Secret) (Secret, error) {
	f, err := value.fields()
	if err != nil {
		return nil, err
	}
	if f.ClientID == "" || f.ClientSecret == "" {
		return nil, fmt.Errorf("%w: client_id or client_secret is missing", ErrSecret)
	}
	e := Exchange{d.TokenURL, f.ClientID, Secret(f.ClientSecret), d.Client == "body", strings.Join(d.Scopes, " "), d.Audience}
	id := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %t %q %q", e.URL, e.ClientID, string(e.ClientSecret), e.InBody, e.Scope, e.Audience))
	for {
		token, a, first, err := t.look(id)
		if a == nil {
			return token, err
		}
		if first {
			t.ask(ctx, id, e, a)
			return t.outcome(id, a)
		}
		select {
		case <-a.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if !errors.Is(a.err, context.Canceled) && !errors.Is(a.err, context.DeadlineExceeded) {
			return a.token, a.err
		} // whoever asked ran out of time: this call has its own
	}
}

// look gives the token to use, or the request to wait for; first says that it is the caller's to make.
func (t *Tokens) look(id [sha256.Size]byte) (token Secret, a *asking, first bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now, k := t.now(), t.kept[id]
	if k == nil {
		t.evict()
		k = &kept{}
		t.kept[id] = k
	}
	usable := now.Before(k.ends)
	switch {
	case now.Before(k.refresh) && (usable || k.failed != nil):
		if usable {
			return k.token, nil, false, nil
		}
		return nil, nil, false, k.failed
	case k.asking != nil && usable:
		return k.token, nil, false, nil
	case k.asking != nil:
		return nil, k.asking, false, nil
	}
	k.asking = &asking{done: make(chan struct{})}
	return nil, k.asking, true, nil
}

// ask asks the server and keeps what it says.
func (t *Tokens) ask(ctx context.Context, id [sha256.Size]byte, e Exchange, a *asking) {
	a.err = errors.New("ask for a token: the client failed")
	var got Token
	defer func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		k := t.kept[id]
		if k == nil || k.asking != a {
			k = &kept{}
			t.kept[id] = k
		}
		k.asking, k.failed = nil, a.err
		if now := t.now(); a.err != nil {
			k.refresh = now.Add(pause)
			if ctx.Err() != nil { // it says nothing of the server
				k.refresh, k.failed = now, nil
			}
		} else {
			k.keep(got, now)
		}
		close(a.done)
	}()
	got, a.err = t.client.Token(ctx, e)
	if a.err == nil && len(got.Value) == 0 {
		a.err = errors.New("ask for a token: the server gave none")
	}
	a.token = got.Value
}

func (k *kept) keep(got Token, now time.Time) {
	lives := min(got.ExpiresIn, longest)
	if lives <= 0 {
		lives = assumed
	}
	k.token = got.Value
	k.ends = now.Add(max(lives-margin, lives/2))
	k.refresh = now.Add(min(lives-lives/early, max(lives-margin, lives/2)))
}

// outcome is what the call that asked gets: an old token that is still good stands in for a failure.
func (t *Tokens) outcome(id [sha256.Size]byte, a *asking) (Secret, error) {
	if a.err == nil {
		return a.token, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if k := t.kept[id]; k != nil && t.now().Before(k.ends) {
		return k.token, nil
	}
	return nil, a.err
}

// evict makes room: the token that ends first, of which nobody is asking for the next, goes.
func (t *Tokens) evict() {
	if len(t.kept) < maxTokens {
		return
	}
	var first [sha256.Size]byte
	var found *kept
	for id, k := range t.kept {
		if k.asking == nil && (found == nil || k.ends.Before(found.ends)) {
			first, found = id, k
		}
	}
	if found != nil {
		delete(t.kept, first)
	}
}
