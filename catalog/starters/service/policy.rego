# What this contract forbids. It can only tighten what the organisation allows.
package avow.contract

import rego.v1

deny contains {
	"id": "experiment-in-production",
	"msg": "an experimental service does not run in production",
	"path": "/tier",
	"remediation": "set tier to internal or critical, or ask for environment dev",
} if {
	input.request.environment == "prod"
	input.inputs.tier == "experimental"
}
