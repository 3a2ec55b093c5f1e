# What a protected environment asks of whatever runs in it.
#
# Works on inputs by convention, over all contracts: an input that a contract does not have is
# not asked for. The settings name the inputs and the values, so an organisation extends this
# without writing Rego. A repair restores what was agreed, and a deletion ends it: both go on.
package avow.policies.production

import rego.v1

applies if {
	input.operation in {"create", "update", "provision"}
	input.request.environment in data.avow.settings.protected_environments
}

deny contains {
	"id": sprintf("protected_%s", [name]),
	"msg": sprintf("%s must be %v in %s", [name, wanted, input.request.environment]),
	"path": sprintf("/%s", [name]),
	"remediation": sprintf("--set %s=%v", [name, wanted]),
} if {
	applies
	some name, wanted in data.avow.settings.protected_requires
	input.inputs[name] != wanted
}

deny contains {
	"id": sprintf("protected_%s", [name]),
	"msg": sprintf("%s %v is not for %s", [name, input.inputs[name], input.request.environment]),
	"path": sprintf("/%s", [name]),
	"remediation": sprintf("choose another %s", [name]),
} if {
	applies
	some name, refused in data.avow.settings.protected_refuses
	input.inputs[name] in refused
}

deny contains {
	"id": "lifecycle",
	"msg": sprintf("%s %s is %s", [input.contract.name, input.contract.version, input.contract.lifecycle]),
	"remediation": sprintf("use a stable version of %s in %s", [input.contract.name, input.request.environment]),
} if {
	applies
	input.contract.lifecycle in data.avow.settings.protected_refuses_lifecycles
}
