# What this contract forbids. It can only tighten what the organisation allows.
package avow.contract

import rego.v1

# A change would charge the card once more.
deny contains {
	"id": "order-is-final",
	"msg": "an order is not changed once it is placed",
	"path": "",
	"remediation": "delete it, which refunds it, and place another one",
} if {
	input.operation == "update"
	input.request.generation > 1
}

deny contains {
	"id": "order-too-large",
	"msg": "an order of this size is placed by sales",
	"path": "/cents",
	"remediation": "call sales, or order for less than 50,000.00",
} if {
	input.inputs.cents > 5000000
}
