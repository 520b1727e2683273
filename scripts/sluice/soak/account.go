package soak

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"sluice/scripts/sluice/client"
	"sluice/scripts/sluice/fault"
)

// Account is what the three counters say of one app.
type Account struct {
	App       string `json:"app"`
	Answers   counts `json:"answers"`
	Seen      int64  `json:"seen"`  // by the upstream
	Usage     int64  `json:"usage"` // calls in the usage totals
	Used      int64  `json:"used"`  // of the quota
	Leased    int64  `json:"leased"`
	Quota     int64  `json:"quota"`
	Overdraft int64  `json:"overdraft"`
}

// drain ends all faults and waits until the counters stand still: usage is folded, and leases are returned.
func (s *soak) drain(ctx context.Context) error {
	s.upstream.drill.Clear()
	if _, err := fault.Clear(ctx, s.cloud.DataDir); err != nil {
		return err
	}
	const still, patience = 4, 90 * time.Second
	began, same := time.Now(), 0
	for same < still && time.Since(began) < patience {
		before := s.report.Accounts
		if err := rest(ctx, 2*time.Second); err != nil {
			return err
		}
		if err := s.read(ctx); err != nil {
			return err
		}
		same++
		for i := range before {
			if before[i] != s.report.Accounts[i] {
				same = 0
			}
		}
		if len(before) == 0 {
			same = 0
		}
	}
	s.report.Drained = time.Since(began)
	if err := rest(ctx, quiet); err != nil {
		return err
	}
	return s.look(ctx, &s.report.After)
}

// account reads the counters for the last time.
func (s *soak) account(ctx context.Context) error { return s.read(ctx) }

// read asks the platform what it has counted.
func (s *soak) read(ctx context.Context) error {
	c := client.New(s.cloud.Management(), s.cloud.Key)
	var used struct {
		Points []struct {
			Group string
			Calls int64
		}
	}
	if _, err := c.Call(ctx, http.MethodGet, "/usage?api=soak&step=hour&group_by=app", "", nil, &used); err != nil {
		return fmt.Errorf("read usage: %w", err)
	}
	var accounts []Account
	for _, a := range s.apps {
		n := Account{App: a.name, Answers: a.counts(), Seen: s.upstream.seen[a.name].Load(), Quota: a.quota, Overdraft: a.overdraft}
		for _, p := range used.Points {
			if p.Group == a.name {
				n.Usage += p.Calls
			}
		}
		var limits struct {
			Items []struct {
				Kind   string
				Used   int64
				Leased int64
			}
		}
		if _, err := c.Call(ctx, http.MethodGet, "/limits?api=soak&app="+a.name, "", nil, &limits); err != nil {
			return fmt.Errorf("read the limits of %s: %w", a.name, err)
		}
		for _, l := range limits.Items {
			if l.Kind == "quota" {
				n.Used, n.Leased = l.Used, l.Leased
			}
		}
		accounts = append(accounts, n)
	}
	s.report.Accounts = accounts
	return nil
}

// lost is how many calls a killed instance may take with it: each connection's call under way, and what it had counted since
// its last flush. That began at most two seconds ago (the beat is one second, a flush takes up to one), and another instance
// had half of the calls at least, since two are kept. What it had leased is no more than what it used so far.
func (r *Report) lost(a Account) int64 {
	kills := int64(r.Kills["proxy"] + r.Kills["authorizer"])
	if kills == 0 {
		return 0
	}
	perSecond := float64(a.Answers.Good+a.Answers.Failed) / max(1, r.Lasted.Seconds())
	return kills * (int64(perSecond) + int64(r.Connections))
}

// unequal says where the counters disagree, or a quota was exceeded.
func (r *Report) unequal() (faults []error) {
	for _, a := range r.Accounts {
		lost := r.lost(a)
		fail := func(format string, args ...any) {
			faults = append(faults, fmt.Errorf(a.App+": "+format, args...))
		}
		if a.Seen > a.Quota+a.Overdraft {
			fail("the upstream saw %d calls, the quota is %d", a.Seen, a.Quota+a.Overdraft)
		}
		if a.Answers.Good > a.Seen {
			fail("%d calls were answered 200, the upstream saw %d", a.Answers.Good, a.Seen)
		}
		if a.Seen-a.Usage > lost || a.Usage-a.Seen > lost {
			fail("the upstream saw %d calls, usage has %d; %d may be lost with killed instances", a.Seen, a.Usage, lost)
		}
		if a.Used < max(a.Usage, a.Seen) || a.Used-a.Leased-a.Seen > lost || a.Leased > lost {
			fail("the quota counted %d calls (%d of them leased), usage has %d and the upstream saw %d", a.Used, a.Leased, a.Usage, a.Seen)
		}
		if len(r.Kills) == 0 && a.Used-a.Leased != a.Seen {
			fail("the quota counted %d calls (%d of them leased), the upstream saw %d, and nothing was killed", a.Used, a.Leased, a.Seen)
		}
		if a.Answers.Good == 0 {
			fail("no call passed: %s", a.Answers)
		}
	}
	return faults
}
