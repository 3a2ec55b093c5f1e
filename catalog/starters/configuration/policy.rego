# What this contract forbids. It can only tighten what the organisation allows.
package avow.contract

import rego.v1

deny contains {
	"id": "debug-in-production",
	"msg": "a machine in production does not log everything it sees",
	"path": "/log_level",
	"remediation": "choose info, warning or error",
} if {
	input.request.environment in {"prod", "production"}
	input.inputs.log_level == "debug"
}
