# What this contract forbids. It can only tighten what the organisation allows.
package avow.contract

import rego.v1

is_delivery if input.operation in {"create", "update", "provision"}

is_production if input.request.environment in {"prod", "production"}

# Whoever reads the label in an audit must see how old the secret is.
deny contains {
	"id": "label-without-a-quarter",
	"msg": "in production the rotation is named after a quarter",
	"path": "/rotation",
	"remediation": "write the quarter and the year, such as q1-2027",
} if {
	is_delivery
	is_production
	not regex.match("^q[1-4]-20[0-9][0-9]$", input.inputs.rotation)
}

# The former consumer would keep its secret, and nobody would take it away.
deny contains {
	"id": "consumer-is-final",
	"msg": "a secret does not move to another consumer",
	"path": "/consumer",
	"remediation": "put the former consumer back; make a request for the other one",
} if {
	is_delivery
	some change in input.plan.changes
	change.path == "/inputs/consumer"
}
