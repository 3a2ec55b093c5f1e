# What this contract forbids. It can only tighten what the organisation allows.
package avow.contract

import rego.v1

by_hand_only := {"ledger", "payments-core"}

deny contains {
	"id": "by-hand-only",
	"msg": "automation keeps its hands off this service",
	"path": "/service",
	"remediation": "call whoever is on call for it",
} if {
	input.inputs.service in by_hand_only
}
