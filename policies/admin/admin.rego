# METADATA
# title: Admin
# description: |
#   Decides whether an admin may do something to a resource of the Management API. Whatever the tables do not name is
#   forbidden: an unknown role, action or kind, a missing or malformed field.
package admin

# METADATA
# title: Decision
# description: Whether the admin may do that; the only reason why not is forbidden, so that a refusal tells nothing.
# entrypoint: true
default decision := {"allow": false, "reasons": ["forbidden"]}

decision := {"allow": true, "reasons": []} if {
	_well_formed
	_permitted
}

# Nothing is missing and nothing surplus, and an audit entry will be able to name who it was.
_well_formed if {
	input = {
		"actor": {"id": actor, "role": _, "team": _},
		"action": _,
		"resource": {"kind": _, "id": _, "team": _},
	}
	is_string(actor)
	actor != ""
}

_permitted if {
	input.actor.role == "platform-admin"
	input.action in _actions[input.resource.kind]
}

_permitted if {
	input.actor.role == "auditor"
	input.action == "read"
	_actions[input.resource.kind]
}

_permitted if {
	input.actor.role == "team-member"
	input.action in _for_any_team[input.resource.kind]
}

_permitted if {
	input.actor.role == "team-member"
	input.action in _for_own_team[input.resource.kind]
	_own
}

_own if {
	is_string(input.actor.team)
	input.actor.team != ""
	input.resource.team == input.actor.team
}

_everything := {"read", "create", "update", "delete", "transition", "issue"}

# Every kind of resource, with what can be done to it at all. Nobody writes what the platform itself records.
_actions := {
	"team": _everything,
	"api": _everything,
	"version": _everything,
	"contract": _everything,
	"plan": _everything,
	"consumer": _everything,
	"app": _everything,
	"subscription": _everything,
	"grant": _everything,
	"key": _everything,
	"credential": _everything,
	"admin-key": _everything,
	"findings": _everything,
	"audit": {"read"},
	"usage": {"read"},
	"limits": {"read"},
}

# What a member of any team may do. Consumers and apps belong to no team: whoever owns an API brings its consumers in.
# A key that has leaked must be stopped by whoever sees it, hence delete.
_for_any_team := {
	"team": {"read"},
	"api": {"read"},
	"version": {"read"},
	"contract": {"read"},
	"plan": {"read"},
	"consumer": {"read", "create", "update"},
	"app": {"read", "create", "update"},
	"subscription": {"read"},
	"key": {"read", "create", "issue", "delete"},
}

# What a member may do besides, where its team owns the resource: the API, or the API that the resource is about.
_for_own_team := {
	"team": {"update"},
	"api": {"create", "update", "delete"},
	"version": {"create", "update", "delete", "transition"},
	"contract": {"create", "update", "delete"},
	"subscription": {"create", "update", "delete", "transition"},
	"usage": {"read"},
	"limits": {"read"},
	"findings": {"read", "update"},
	"audit": {"read"},
}
