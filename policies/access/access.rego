# METADATA
# title: Access
# description: Decides whether one call on the data plane may pass.
package access

# METADATA
# title: Decision
# description: >-
#   Whether the call may pass, and if not, every reason why not, the most telling one first.
# entrypoint: true
default decision := {"allow": false, "reasons": ["policy_refused"]}

decision := {"allow": true, "reasons": []} if {
	_presented
	_genuine
	_unexpired
	_admitted
	_listed
	_served
	_subscribed
	_active
	_operation
	_scopes_held
	_well_formed
} else := {"allow": false, "reasons": [code | some code in _precedence; _refusals[code]]}

# What a caller is told first: who it is before what is there, what is there before what it may do.
_precedence := [
	"credential_missing", "credential_invalid", "credential_expired",
	"no_such_api", "version_retired",
	"not_subscribed", "subscription_inactive",
	"no_such_operation", "scope_missing",
	"policy_refused",
]

_refusals contains "credential_missing" if not _presented

_refusals contains "credential_invalid" if {
	_presented
	not _genuine
}

_refusals contains "credential_expired" if {
	_presented
	not _unexpired
}

_refusals contains "no_such_api" if not _admitted

_refusals contains "no_such_api" if not _listed

_refusals contains "version_retired" if {
	_listed
	not _served
}

_refusals contains "not_subscribed" if not _subscribed

_refusals contains "subscription_inactive" if {
	_subscribed
	not _active
}

_refusals contains "no_such_operation" if not _operation

_refusals contains "scope_missing" if {
	_operation
	not _scopes_held
}

_refusals contains "policy_refused" if not _well_formed

_presented if input.credential.present == true

_genuine if {
	input.credential.kind == "key"
	input.credential.revoked == false
}

_unexpired if input.credential.expired == false

# An API for partners is for internal consumers too, and one for the public is for everybody.
_admitted if _admits[input.api.audience][input.caller.consumer.kind]

_admits := {
	"internal": {"internal": true},
	"partner": {"internal": true, "partner": true},
	"public": {"internal": true, "partner": true, "public": true},
}

_listed if _shown[input.version.state]

_shown := {"published": true, "deprecated": true, "retired": true}

_served if _forwarded[input.version.state]

_forwarded := {"published": true, "deprecated": true}

_subscribed if _text(input.subscription.state)

_active if input.subscription.state == "active"

_operation if {
	_text(input.operation.id)
	_text(input.operation.template)
	_text(input.operation.method)
}

# No scope is needed, or one of the alternatives is held in full.
_scopes_held if input.operation.scopes == []

_scopes_held if {
	is_array(input.operation.scopes)
	some alternative in input.operation.scopes
	is_array(alternative)
	every scope in alternative {
		input.caller.scopes[scope] == true
	}
}

_well_formed if {
	input.call.plane == "gateway"
	_text(input.call.method)
	_text(input.call.path)
	_text(input.caller.consumer.id)
	_text(input.caller.app.id)
	_text(input.api.id)
	_text(input.version.version)
}

_text(value) if {
	is_string(value)
	value != ""
}
