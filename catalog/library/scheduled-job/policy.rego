# What this contract forbids. It can only tighten what the organisation allows.
package avow.contract

import rego.v1

is_delivery if input.operation in {"create", "update", "provision"}

too_often := {"*", "*/1", "*/2", "*/3", "*/4"}

deny contains {
	"id": "too-often",
	"msg": "a job runs every five minutes at most",
	"path": "/schedule",
	"remediation": "begin the schedule with */5 or with certain minutes",
} if {
	is_delivery
	split(input.inputs.schedule, " ")[0] in too_often
}

# The forge would put a value in its place, a secret of the repository for instance, before the shell
# sees the command; whoever may ask for a job need not be somebody who may read those.
deny contains {
	"id": "expression-in-command",
	"msg": "a command holds no expression of the forge",
	"path": "/command",
	"remediation": "put what it needs into a script of the repository, and run that",
} if {
	is_delivery
	contains(input.inputs.command, "${{")
}
