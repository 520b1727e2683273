# METADATA
# title: Admin
# description: Decides whether an admin may do something to a resource of the Management API.
package admin

# METADATA
# title: Decision
# description: Whether the admin may do that; the only reason why not is forbidden.
# entrypoint: true
default decision := {"allow": false, "reasons": ["forbidden"]}

decision := {"allow": true, "reasons": []} if _allowed

_allowed if input.actor.role == "platform-admin"
