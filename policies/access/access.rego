# METADATA
# title: Access
# description: |
#   Decides whether one call on the data plane may pass. Who calls, what is called and how both stand are facts in the
#   input; there is no clock, no network and no data here.
#
#   There are two ways to pass: the key of an app that is subscribed, and no credential at all where an API is open to
#   that. A credential that is there is judged, and never passed over.
#
#   The input must look exactly as the first rule says: whatever is missing, malformed, surplus or does not belong
#   together denies. The refusals further down only explain a denial; they cannot allow anything.
package access

# METADATA
# title: Decision
# description: |
#   Whether the call may pass and, if not, why not: each refusal that holds, the one to tell the caller first.
#
#   A name that comes twice in the pattern is one and the same thing: the key's app holds the subscription, to this API,
#   in this version. HEAD is GET without the content (RFC 9110 section 9.3.2). In the order of Rego's types null,
#   booleans and numbers come before every text, the empty text is the first one, and arrays, objects and sets come
#   after the last: min and max say that all are texts and none is empty. One of the alternatives must be held in full;
#   an operation that needs no scope has one alternative, which is empty.
#
#   All stands in one body because a helper costs five times what a comparison does.
# entrypoint: true
default decision := {"allow": false, "reasons": ["policy_refused"]}

decision := {"allow": true, "reasons": []} if {
	input = {
		"call": {"plane": "gateway", "method": method, "path": _},
		"credential": {"present": true, "kind": "key", "revoked": false, "expired": false},
		"caller": {
			"consumer": {"id": consumer, "kind": kind},
			"app": {"id": app, "consumer": consumer},
			"scopes": held,
		},
		"subscription": {"app": app, "api": api, "state": "active"},
		"api": {"id": api, "audience": audience, "kind": protocol},
		"version": {"api": api, "version": version, "state": state},
		"operation": {"id": operation, "method": served, "template": template, "scopes": alternatives},
	}
	kind in _admits[audience]
	state in {"published", "deprecated"}
	[method, served] in _served
	texts := [consumer, app, api, protocol, version, operation, template]
	min(texts) > ""
	max(texts) < []
	is_object(held)
	is_array(alternatives)
	some needed in alternatives
	object.subset(held, needed)
} else := {"allow": true, "reasons": []} if {
	_anonymous
} else := {"allow": false, "reasons": _reasons} if {
	_reasons != []
}

# A call without any credential: the input has no member for one. It is made by an app whose name nobody can take, which
# is subscribed, without scopes, to those APIs for the public that say so. An operation that needs a scope, in each of
# its alternatives, is not for it.
_anonymous if {
	input = {
		"call": {"plane": "gateway", "method": method, "path": _},
		"caller": {
			"consumer": {"id": "anonymous", "kind": "public"},
			"app": {"id": "anonymous", "consumer": "anonymous"},
			"scopes": {},
		},
		"subscription": {"app": "anonymous", "api": api, "state": "active"},
		"api": {"id": api, "audience": "public", "kind": protocol},
		"version": {"api": api, "version": version, "state": state},
		"operation": {"id": operation, "method": served, "template": template, "scopes": alternatives},
	}
	state in {"published", "deprecated"}
	[method, served] in _served
	texts := [api, protocol, version, operation, template]
	min(texts) > ""
	max(texts) < []
	is_array(alternatives)
	{} in alternatives
}

# The method of a call and that of the operation which serves it.
_served := {
	["GET", "GET"], ["HEAD", "GET"], ["HEAD", "HEAD"], ["POST", "POST"], ["PUT", "PUT"], ["PATCH", "PATCH"],
	["DELETE", "DELETE"], ["OPTIONS", "OPTIONS"], ["TRACE", "TRACE"],
}

# An API for partners is for internal consumers too, and one for the public is for everybody.
_admits := {
	"internal": {"internal"},
	"partner": {"internal", "partner"},
	"public": {"internal", "partner", "public"},
}

# Who calls comes before what is there, and what is there before what may be done with it: nobody learns of an API
# that is not for them. Each condition is the negation of a comparison or of a helper, so that what is missing refuses;
# never of a function call, whose arguments the compiler takes out of the negation.
_reasons := [code | some [_, code] in _refusals]

_refusals contains [1, "credential_missing"] if not input.credential.present == true

_refusals contains [2, "credential_invalid"] if {
	input.credential.present == true
	not input.credential.kind == "key"
}

_refusals contains [2, "credential_invalid"] if {
	input.credential.present == true
	not input.credential.revoked == false
}

_refusals contains [3, "credential_expired"] if {
	input.credential.present == true
	not input.credential.expired == false
}

_refusals contains [4, "no_such_api"] if not _admitted

_refusals contains [4, "no_such_api"] if not _listed

_refusals contains [5, "version_retired"] if input.version.state == "retired"

_refusals contains [6, "not_subscribed"] if not input.subscription.state

_refusals contains [7, "subscription_inactive"] if {
	input.subscription.state
	not input.subscription.state == "active"
}

_refusals contains [8, "no_such_operation"] if not input.operation.id

_refusals contains [9, "scope_missing"] if {
	input.operation.id
	not _scopes_held
}

_admitted if input.caller.consumer.kind in _admits[input.api.audience]

_listed if input.version.state in {"published", "deprecated", "retired"}

_scopes_held if {
	some needed in input.operation.scopes
	object.subset(input.caller.scopes, needed)
}
