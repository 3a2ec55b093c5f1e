# What is on its way out takes nobody new.
#
# A request that lives on a deprecated version goes on, changes and is repaired there; one that
# is new to it is sent to its replacement. A waiver in the settings lets projects through for a
# while: it names the contract and why, and may name a version, a project and a last day.
package avow.policies.lifecycle

import rego.v1

is_refused if {
	input.contract.state == "deprecated"
	input.contract.is_new_here
	input.operation != "delete"
	not is_waived
}

is_waived if {
	some waiver in data.avow.settings.deprecation_waivers
	waiver.contract == input.contract.name
	object.get(waiver, "version", input.contract.version) == input.contract.version
	object.get(waiver, "project", input.project) == input.project
	today := split(input.now, "T")[0]
	object.get(waiver, "until", today) >= today
}

deny contains {
	"id": "deprecated",
	"msg": sprintf("%s %s is deprecated%s", [input.contract.name, input.contract.version, sunset]),
	"path": "/contract/version",
	"remediation": successor,
} if is_refused

sunset := sprintf(", and counted on until %s", [split(input.contract.sunset_at, "T")[0]]) if {
	input.contract.sunset_at != null
} else := ""

successor := sprintf("use version %s", [input.contract.replacement]) if {
	input.contract.replacement != null
} else := sprintf("use another version of %s", [input.contract.name])
