package present

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"sluice/shared/catalog"
)

const (
	shelfAge = time.Second // how long what was read is shown
	maxShown = 500         // APIs; a list without end would make a page a way to burn reads
)

// product is an API as the public sees it. Versions are in the order of their names.
type product struct {
	API      catalog.API
	Owner    string // name of the team
	Versions []catalog.Version
}

// about reports whether the API is about what somebody looks for; everything is about nothing.
func (x product) about(query string) bool {
	text := strings.ToLower(strings.Join(append([]string{string(x.API.ID), x.API.Name, x.API.Summary}, x.API.Tags...), " "))
	for word := range strings.FieldsSeq(strings.ToLower(query)) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// shelf keeps what is public for a moment. One reader fills it; the others wait for it.
type shelf struct {
	source Source
	now    func() time.Time
	mu     sync.Mutex
	filled time.Time
	all    []product
}

func newShelf(source Source, now func() time.Time) *shelf { return &shelf{source: source, now: now} }

// products gives what is public. A failure is not kept.
func (s *shelf) products(ctx context.Context) ([]product, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if age := now.Sub(s.filled); !s.filled.IsZero() && age >= 0 && age < shelfAge {
		return s.all, nil
	}
	all, err := s.read(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the catalog: %w", err)
	}
	s.filled, s.all = now, all
	return all, nil
}

func (s *shelf) read(ctx context.Context) ([]product, error) {
	all := []product{}
	for cursor := ""; len(all) < maxShown; {
		page, err := s.source.APIs(ctx, cursor)
		if err != nil {
			return nil, err
		}
		for _, api := range page.Items {
			x, err := s.product(ctx, api)
			if err != nil {
				return nil, err
			}
			if len(x.Versions) > 0 {
				all = append(all, x)
			}
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	return all, nil
}

// product gives the public part of an API; one without versions is not public.
func (s *shelf) product(ctx context.Context, api catalog.API) (product, error) {
	x := product{API: api}
	if api.Audience != catalog.Public {
		return x, nil
	}
	versions, err := s.source.Versions(ctx, api.ID)
	if err != nil {
		return x, err
	}
	for _, v := range versions {
		if v.State.Served() {
			x.Versions = append(x.Versions, v)
		}
	}
	if len(x.Versions) == 0 {
		return x, nil
	}
	team, err := s.source.Team(ctx, api.Team)
	x.Owner = team.Name
	return x, err
}
