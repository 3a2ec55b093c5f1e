# What this contract forbids. It can only tighten what the organisation allows.
package avow.contract

import rego.v1

deny contains {
	"id": "kept-too-long",
	"msg": "outside of production messages are kept for at most two weeks",
	"path": "/retention_days",
	"remediation": "ask for 14 days or fewer",
} if {
	not input.request.environment in {"prod", "production"}
	input.inputs.retention_days > 14
}
