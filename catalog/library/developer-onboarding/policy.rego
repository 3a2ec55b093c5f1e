# What this contract forbids. It can only tighten what the organisation allows.
package avow.contract

import rego.v1

reserved := {"admin", "postgres", "root", "system"}

is_delivery if input.operation in {"update", "provision"}

deny contains {
	"id": "reserved-account",
	"msg": "this account name belongs to a system",
	"path": "/person",
	"remediation": "choose the person's own name",
} if {
	input.inputs.person in reserved
}

# Another name is another account, and nobody would take the first one away.
deny contains {
	"id": "person-is-final",
	"msg": "an account does not become another person's",
	"path": "/person",
	"remediation": "put the former name back; delete this request and make one for the other person",
} if {
	is_delivery
	some change in input.plan.changes
	change.path == "/inputs/person"
}
