# What this contract forbids. It can only tighten what the organisation allows.
#
# The database's contract asks for two recorded steps before content is destroyed in production. It is
# asked when the database goes, and then the job is gone already; so the same is asked here, before
# anything goes, and before anything is made.
package avow.contract

import rego.v1

is_production if input.request.environment in {"prod", "production"}

deny contains {
	"id": "delete-in-two-steps",
	"msg": "a production environment is only deleted after it was declared disposable",
	"path": "/disposable",
	"remediation": "set disposable to true, wait until that is applied, then delete",
} if {
	input.operation == "delete"
	is_production
	not input.inputs.disposable
}

deny contains {
	"id": "disposable-from-the-start",
	"msg": "a production environment is not disposable from the start",
	"path": "/disposable",
	"remediation": "leave disposable out, or ask for environment dev",
} if {
	input.operation == "create"
	is_production
	input.inputs.disposable
}
