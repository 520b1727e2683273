package authentication_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluice/shared/contract/mediation/authentication"
)

// server gives tokens that count up, unless it is down. It takes a second for each.
type server struct {
	mu     sync.Mutex
	issued int
	down   error
	lives  time.Duration
}

func (s *server) Token(ctx context.Context, e authentication.Exchange) (authentication.Token, error) {
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return authentication.Token{}, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down != nil {
		return authentication.Token{}, s.down
	}
	s.issued++
	return authentication.Token{Value: authentication.Secret(fmt.Sprintf("%s-%d", e.ClientID, s.issued)), ExpiresIn: s.lives}, nil
}

func client() *authentication.Declaration {
	return &authentication.Declaration{Type: authentication.ClientCredentials, Secret: "s", TokenURL: "https://t.example/token", Scopes: []string{"a", "b"}}
}

const clientSecret = `{"client_id":"me","client_secret":"x"}`

func TestManyCallsAskForATokenOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{lives: 100 * time.Second}
		tokens := authentication.NewTokens(s, time.Now)
		get := func() string {
			got, err := tokens.Get(t.Context(), client(), authentication.Secret(clientSecret))
			if err != nil {
				return err.Error()
			}
			return string(got)
		}
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if got := get(); got != "me-1" {
					t.Error(got)
				}
			})
		}
		wg.Wait()
		time.Sleep(79 * time.Second)
		if got := get(); got != "me-1" || s.issued != 1 {
			t.Errorf("a good token was not used: %s of %d", got, s.issued)
		}
		time.Sleep(2 * time.Second) // the last fifth: one asks, the others use the old one
		wg.Go(func() { get() })
		synctest.Wait()
		if got := get(); got != "me-1" {
			t.Errorf("a call waits for a token that it does not need: %s", got)
		}
		wg.Wait()
		if got := get(); got != "me-2" || s.issued != 2 {
			t.Errorf("the new token is not used: %s of %d", got, s.issued)
		}
		if got, err := tokens.Get(t.Context(), client(), authentication.Secret(`{"client_id":"me","client_secret":"rotated"}`)); err != nil || string(got) != "me-3" {
			t.Error("a rotated secret has the old one's token")
		}
	})
}

func TestAnOldTokenIsUsedToItsEndWhileTheServerIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{lives: 100 * time.Second}
		tokens := authentication.NewTokens(s, time.Now)
		get := func(ctx context.Context) (string, error) {
			got, err := tokens.Get(ctx, client(), authentication.Secret(clientSecret))
			return string(got), err
		}
		if _, err := get(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.down = errors.New("down")
		time.Sleep(85 * time.Second)
		if got, err := get(t.Context()); err != nil || got != "me-1" {
			t.Errorf("%s, %v", got, err)
		}
		time.Sleep(20 * time.Second)
		if _, err := get(t.Context()); !errors.Is(err, s.down) {
			t.Errorf("an ended token is used: %v", err)
		}
		began := time.Now()
		if _, err := get(t.Context()); !errors.Is(err, s.down) || time.Since(began) != 0 {
			t.Errorf("the server that is down is asked at once: %v after %s", err, time.Since(began))
		}
		s.down = nil
		time.Sleep(2 * time.Second)
		short, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := get(short); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		})
		synctest.Wait()
		if got, err := get(t.Context()); err != nil || got != "me-2" {
			t.Errorf("a call fails with another one's time: %s, %v", got, err)
		}
		wg.Wait()
	})
}

func TestCredentialsReplaceWhatTheCallerSent(t *testing.T) {
	for name, c := range map[string]struct {
		d            authentication.Declaration
		secret       string
		header, want string
	}{
		"basic":               {authentication.Declaration{Type: authentication.Basic}, `{"username":"u","password":"p:é"}`, "Authorization", "Basic dTpwOsOp"},
		"bearer":              {authentication.Declaration{Type: authentication.Bearer}, " tok \n", "Authorization", "Bearer tok"},
		"bearer in an object": {authentication.Declaration{Type: authentication.Bearer}, `{"token":"tok"}`, "Authorization", "Bearer tok"},
		"api key":             {authentication.Declaration{Type: authentication.APIKey, In: "header", Name: "x-key", Prefix: "K "}, "k", "X-Key", "K k"},
		"api key in query":    {authentication.Declaration{Type: authentication.APIKey, In: "query", Name: "k y"}, "a&b", "?", "x=1&k+y=a%26b"},
	} {
		shared := http.Header{"Authorization": {"Bearer caller"}, "X-Key": {"caller"}}
		r := authentication.Request{Header: shared, Query: "k%20y=caller&x=1&k+y=2"}
		if err := c.d.Apply(&r, authentication.Secret(c.secret), time.Time{}); err != nil {
			t.Fatal(name, err)
		}
		got := r.Query
		if c.header != "?" {
			got = strings.Join(r.Header.Values(c.header), ",")
		}
		if got != c.want || shared.Get("Authorization") != "Bearer caller" || strings.Contains(r.Header.Get("Authorization"), "caller") {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		if shown := fmt.Sprintf("%+v", c.d.Redacted(r)); strings.Contains(shown, c.want) {
			t.Errorf("%s is shown: %s", name, shown)
		}
	}
}

func TestASecretThatDoesNotFitIsRefusedWithoutBeingTold(t *testing.T) {
	for _, c := range []struct {
		kind   authentication.Type
		secret string
	}{{authentication.Basic, `{"username":"hush:"}`}, {authentication.Basic, "hush"}, {authentication.Bearer, "hush\r\nX: y"}, {authentication.Bearer, ""}, {authentication.Bearer, `{"token":["hush"]}`},
		{authentication.APIKey, "{}"}, {authentication.SigV4, `{"access_key_id":"hush"}`}, {authentication.SigV4, `{"access_key_id":"hush\n","secret_access_key":"x"}`}} {
		err := (&authentication.Declaration{Type: c.kind, In: "header", Name: "X"}).Apply(&authentication.Request{}, authentication.Secret(c.secret), time.Time{})
		if !errors.Is(err, authentication.ErrSecret) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s %q: %v", c.kind, c.secret, err)
		}
	}
	if s := fmt.Sprintf("%v %s %#v", authentication.Secret("hush"), authentication.Secret("hush"), authentication.Secret("hush")); strings.Contains(s, "hush") {
		t.Error(s)
	}
}
