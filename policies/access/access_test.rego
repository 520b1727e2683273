# METADATA
# title: Access tests
# description: One test for each refusal and for each way to pass.
package access_test

import data.access

_call := {
	"call": {"plane": "gateway", "method": "GET", "path": "/orders/v1/orders/42"},
	"credential": {"present": true, "kind": "key", "revoked": false, "expired": false},
	"caller": {
		"consumer": {"id": "acme", "kind": "partner"},
		"app": {"id": "acme-shop", "consumer": "acme"},
		"scopes": {"orders.read": true},
	},
	"subscription": {"app": "acme-shop", "api": "orders", "state": "active"},
	"api": {"id": "orders", "audience": "partner", "kind": "rest"},
	"version": {"api": "orders", "version": "v1", "state": "published"},
	"operation": {
		"id": "getOrder",
		"method": "GET",
		"template": "/orders/{id}",
		"scopes": [{"orders.read": true}],
	},
}

_allowed := {"allow": true, "reasons": []}

_refused(reasons) := {"allow": false, "reasons": reasons}

# The input with some facts replaced.
_with(facts) := object.union(_call, facts)

_decide(facts) := decision if decision := access.decision with input as _with(facts)

test_a_call_with_everything_right_passes if _decide({}) == _allowed

test_a_deprecated_version_still_serves if _decide({"version": {"state": "deprecated"}}) == _allowed

test_head_is_served_by_get if _decide({"call": {"method": "HEAD"}}) == _allowed

test_an_operation_without_scopes_needs_none if {
	_decide({"operation": {"scopes": [{}]}, "caller": {"scopes": {}}}) == _allowed
}

test_one_alternative_of_scopes_is_enough if {
	_decide({"operation": {"scopes": [{"orders.admin": true}, {"orders.read": true}]}}) == _allowed
}

test_each_audience_includes_the_narrower_ones if {
	every audience, kinds in {
		"internal": ["internal"],
		"partner": ["internal", "partner"],
		"public": ["internal", "partner", "public"],
	} {
		every kind in kinds {
			_decide({"api": {"audience": audience}, "caller": {"consumer": {"kind": kind}}}) == _allowed
		}
	}
}

test_credential_missing if {
	access.decision.reasons == ["credential_missing"] with input as object.remove(_call, {"credential"})
	_decide({"credential": {"present": false}}) == _refused(["credential_missing"])
}

test_credential_invalid if {
	_decide({"credential": {"revoked": true}}) == _refused(["credential_invalid"])
	_decide({"credential": {"kind": "admin"}}) == _refused(["credential_invalid"])
}

test_credential_expired if _decide({"credential": {"expired": true}}) == _refused(["credential_expired"])

test_a_credential_that_is_both_is_revoked_first if {
	_decide({"credential": {"revoked": true, "expired": true}}) == _refused([
		"credential_invalid",
		"credential_expired",
	])
}

test_no_such_api_for_those_who_may_not_see_it if {
	_decide({"caller": {"consumer": {"kind": "public"}}}) == _refused(["no_such_api"])
	_decide({"api": {"audience": "internal"}}) == _refused(["no_such_api"])
	_decide({"api": {"audience": "everybody"}}) == _refused(["no_such_api"])
}

test_no_such_api_before_its_version_is_published if {
	_decide({"version": {"state": "draft"}}) == _refused(["no_such_api"])
	_decide({"version": {"state": "review"}}) == _refused(["no_such_api"])
	access.decision.reasons == ["no_such_api"] with input as object.remove(_call, {"version"})
	access.decision.reasons == ["no_such_api"] with input as object.remove(_call, {"api"})
}

test_no_such_api_is_told_before_that_it_is_retired if {
	_decide({"version": {"state": "retired"}, "api": {"audience": "internal"}}).reasons[0] == "no_such_api"
}

test_version_retired if _decide({"version": {"state": "retired"}}) == _refused(["version_retired"])

test_not_subscribed if {
	access.decision.reasons == ["not_subscribed"] with input as object.remove(_call, {"subscription"})
}

test_subscription_inactive if {
	every state in ["requested", "suspended", "ended", ""] {
		_decide({"subscription": {"state": state}}) == _refused(["subscription_inactive"])
	}
}

test_no_such_operation if {
	access.decision.reasons == ["no_such_operation"] with input as object.remove(_call, {"operation"})
}

test_scope_missing if {
	_decide({"operation": {"scopes": [{"orders.read": true, "orders.write": true}]}}) == _refused(["scope_missing"])
	_decide({"operation": {"scopes": []}}) == _refused(["scope_missing"])
}

test_policy_refused_on_another_plane if _decide({"call": {"plane": "management"}}) == _refused(["policy_refused"])

test_policy_refused_if_facts_do_not_belong_together if {
	_decide({"subscription": {"app": "other"}}) == _refused(["policy_refused"])
	_decide({"subscription": {"api": "other"}}) == _refused(["policy_refused"])
	_decide({"version": {"api": "other"}}) == _refused(["policy_refused"])
	_decide({"caller": {"app": {"consumer": "other"}}}) == _refused(["policy_refused"])
	_decide({"operation": {"method": "DELETE"}}) == _refused(["policy_refused"])
}

test_policy_refused_on_surplus_input if {
	_decide({"override": true}) == _refused(["policy_refused"])
	_decide({"credential": {"trusted": true}}) == _refused(["policy_refused"])
}

test_nothing_passes_on_empty_input if {
	decision := access.decision with input as {}
	not decision.allow
	decision.reasons[0] == "credential_missing"
}
