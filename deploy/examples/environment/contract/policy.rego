# What this contract forbids. It can only tighten what the organisation allows.
package avow.contract

import rego.v1

deny contains {
	"id": "too-many-machines",
	"msg": "an environment outside of production has at most five machines",
	"path": "/machines",
	"remediation": "ask for five or fewer",
} if {
	input.request.environment != "prod"
	input.inputs.machines > 5
}
