# METADATA
# title: Admin tests
# description: What each role is for; the whole matrix is checked by the Go test beside this folder.
package admin_test

import data.admin

_allowed := {"allow": true, "reasons": []}

_forbidden := {"allow": false, "reasons": ["forbidden"]}

_teams := {"platform-admin": "", "auditor": "", "team-member": "sales", "root": ""}

_asked(role, action, kind, owner) := {
	"actor": {"id": "key-1", "role": role, "team": _teams[role]},
	"action": action,
	"resource": {"kind": kind, "id": "x", "team": owner},
}

_decide(role, action, kind, owner) := decision if {
	decision := admin.decision with input as _asked(role, action, kind, owner)
}

test_a_platform_admin_may_do_everything_to_resources if {
	_decide("platform-admin", "create", "team", "") == _allowed
	_decide("platform-admin", "issue", "admin-key", "") == _allowed
	_decide("platform-admin", "transition", "version", "sales") == _allowed
}

test_nobody_changes_what_the_platform_records if {
	_decide("platform-admin", "read", "audit", "") == _allowed
	_decide("platform-admin", "delete", "audit", "") == _forbidden
	_decide("platform-admin", "update", "usage", "") == _forbidden
}

test_an_auditor_reads_everything_and_changes_nothing if {
	_decide("auditor", "read", "audit", "") == _allowed
	_decide("auditor", "read", "admin-key", "") == _allowed
	_decide("auditor", "update", "api", "sales") == _forbidden
}

test_a_team_member_changes_the_apis_of_its_own_team_only if {
	_decide("team-member", "update", "api", "sales") == _allowed
	_decide("team-member", "transition", "version", "sales") == _allowed
	_decide("team-member", "update", "api", "billing") == _forbidden
	_decide("team-member", "update", "api", "") == _forbidden
}

test_a_team_member_brings_consumers_in if {
	_decide("team-member", "create", "consumer", "") == _allowed
	_decide("team-member", "create", "app", "") == _allowed
	_decide("team-member", "issue", "key", "") == _allowed
	_decide("team-member", "create", "subscription", "sales") == _allowed
	_decide("team-member", "create", "subscription", "billing") == _forbidden
}

test_a_team_member_does_not_run_the_platform if {
	_decide("team-member", "create", "team", "sales") == _forbidden
	_decide("team-member", "create", "plan", "sales") == _forbidden
	_decide("team-member", "issue", "admin-key", "sales") == _forbidden
	_decide("team-member", "read", "admin-key", "sales") == _forbidden
}

test_what_is_not_known_is_forbidden if {
	_decide("root", "read", "api", "") == _forbidden
	_decide("platform-admin", "own", "api", "") == _forbidden
	_decide("platform-admin", "read", "server", "") == _forbidden
	admin.decision == _forbidden with input as {}
}

test_surplus_and_anonymous_input_is_forbidden if {
	asked := _asked("platform-admin", "read", "api", "")
	admin.decision == _allowed with input as asked
	admin.decision == _forbidden with input as object.union(asked, {"sudo": true})
	admin.decision == _forbidden with input as object.union(asked, {"actor": {"id": ""}})
	admin.decision == _forbidden with input as object.union(asked, {"actor": {"id": 7}})
	admin.decision == _forbidden with input as object.remove(asked, {"resource"})
}
