# What this contract forbids. It can only tighten what the organisation allows.
package avow.contract

import rego.v1

deny contains {
	"id": "range-taken",
	"msg": "10.0.0.0/24 belongs to the office",
	"path": "/cidr",
	"remediation": "choose another range below 10.0.0.0/8",
} if {
	input.inputs.cidr == "10.0.0.0/24"
}
