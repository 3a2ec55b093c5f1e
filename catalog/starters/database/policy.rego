# What this contract forbids. It can only tighten what the organisation allows.
package avow.contract

import rego.v1

deny contains {
	"id": "too-many-connections",
	"msg": "outside of production a database holds at most 100 connections",
	"path": "/connections",
	"remediation": "ask for 100 or fewer",
} if {
	not input.request.environment in {"prod", "production"}
	input.inputs.connections > 100
}
