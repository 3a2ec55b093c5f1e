# What this contract forbids. It can only tighten what the organisation allows.
#
# Deleting a database destroys what is in it. In production that takes two recorded steps by a
# person: say that the content may go, then delete.
package avow.contract

import rego.v1

is_production if input.request.environment in {"prod", "production"}

deny contains {
	"id": "delete-in-two-steps",
	"msg": "a production database is only deleted after it was declared disposable",
	"path": "/disposable",
	"remediation": "set disposable to true, wait until that is applied, then delete",
} if {
	input.operation == "delete"
	is_production
	not input.inputs.disposable
}

deny contains {
	"id": "disposable-from-the-start",
	"msg": "a production database is not disposable from the start",
	"path": "/disposable",
	"remediation": "leave disposable out, or ask for environment dev",
} if {
	input.operation == "create"
	is_production
	input.inputs.disposable
}
