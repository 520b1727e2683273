# What a call without a credential takes to pass, and each way in which it does not.
package access_test

import data.access

# What a call without a credential may bring: every fact of a good one.
_stranger := object.union(object.remove(_call, {"credential", "caller", "subscription"}), {
	"caller": {
		"consumer": {"id": "anonymous", "kind": "public"},
		"app": {"id": "anonymous", "consumer": "anonymous"},
		"scopes": {},
	},
	"subscription": {"app": "anonymous", "api": "orders", "state": "active"},
	"api": {"audience": "public"},
	"operation": {"scopes": [{}]},
})

_admit(facts) := decision if decision := access.decision with input as object.union(_stranger, facts)

test_a_call_without_a_credential_passes_where_the_api_is_open_to_it if {
	_admit({}) == _allowed
	_admit({"call": {"method": "HEAD"}}) == _allowed
	_admit({"version": {"state": "deprecated"}}) == _allowed
	_admit({"operation": {"scopes": [{"orders.read": true}, {}]}}) == _allowed
}

test_a_credential_is_never_passed_over if {
	every credential in [
		{"present": false},
		{"present": true, "kind": "key", "revoked": true, "expired": false},
		{"present": true, "kind": "key", "revoked": false, "expired": true},
		{"present": true, "kind": "admin", "revoked": false, "expired": false},
		{},
		null,
	] {
		not _admit({"credential": credential}).allow
	}
}

test_credential_missing_where_an_operation_needs_a_scope if {
	_admit({"operation": {"scopes": [{"orders.read": true}]}}).reasons[0] == "credential_missing"
	_admit({"operation": {"scopes": []}}).reasons[0] == "credential_missing"
	not _admit({"operation": {"scopes": [{"orders.read": true}]}, "caller": {"scopes": {"orders.read": true}}}).allow
}

test_credential_missing_where_the_api_is_not_open_to_everybody if {
	every facts in [
		{"api": {"audience": "partner"}},
		{"api": {"audience": "internal"}},
		{"api": {"id": "other"}},
		{"subscription": {"state": "suspended"}},
		{"subscription": {"app": "acme-shop"}},
		{"subscription": {"api": "other"}},
		{"version": {"state": "draft"}},
		{"version": {"state": "retired"}},
		{"version": {"api": "other"}},
		{"caller": {"consumer": {"kind": "partner"}}},
		{"caller": {"consumer": {"id": "acme"}}},
		{"caller": {"app": {"id": "acme-shop"}}},
		{"caller": {"app": {"consumer": "acme"}}},
		{"caller": {"scopes": {"orders.read": true}}},
		{"call": {"plane": "management"}},
		{"call": {"method": "DELETE"}},
		{"operation": {"template": ""}},
		{"override": true},
	] {
		_admit(facts).reasons[0] == "credential_missing"
	}
	access.decision.reasons[0] == "credential_missing" with input as object.remove(_stranger, {"subscription"})
}
