# A name is for ever, so it must not lie.
#
# Asked when a request is made; a name never changes afterwards, and a rule that is new must not
# hold up what lives already under an old name.
package avow.policies.naming

import rego.v1

words := split(input.request.name, "-")

deny contains {
	"id": "reserved_word",
	"msg": sprintf("the word %s is reserved", [word]),
	"remediation": "choose a name without it",
} if {
	input.operation == "create"
	some word in words
	word in data.avow.settings.reserved_words
}

deny contains {
	"id": "misleading_environment",
	"msg": sprintf("the name says %s, the request is for %s", [word, input.request.environment]),
	"remediation": sprintf("leave %s out of the name, or request it with --env %s", [word, word]),
} if {
	input.operation == "create"
	some word in words
	word in data.avow.settings.protected_environments
	word != input.request.environment
}

deny contains {
	"id": "project_prefix",
	"msg": sprintf("the name must begin with the project, %s", [input.project]),
	"remediation": sprintf("name it %s-%s", [input.project, input.request.name]),
} if {
	input.operation == "create"
	data.avow.settings.names_start_with_project
	not startswith(input.request.name, sprintf("%s-", [input.project]))
}
