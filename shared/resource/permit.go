package resource

import (
	"context"
	"fmt"

	"sluice/shared/catalog"
	"sluice/shared/policy"
	"sluice/shared/problem"
)

// Permit asks policies/admin whether the sender may do that. owner is the team that owns the resource, "" if none does.
// The error has kind problem.Forbidden; a policy that cannot decide denies as an internal error.
func (c *Call) Permit(ctx context.Context, action policy.Action, what catalog.Ref, owner catalog.TeamID) error {
	verdict, err := c.api.Judge.Decide(ctx, &policy.AdminInput{Actor: c.Actor, Action: action, Resource: what, Owner: owner})
	if err != nil {
		return fmt.Errorf("decide %s of %s: %w", action, what, err)
	}
	if !verdict.Allow {
		return problem.New(problem.Forbidden, "a %s may not %s this %s", c.Actor.Role, action, what.Kind)
	}
	return nil
}
