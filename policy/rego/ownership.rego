# Who answers for it at three in the morning.
#
# In a protected environment every request belongs to a team; a person leaves, goes on holiday
# or changes sides. Elsewhere a missing owner is only pointed out. Nothing here stands in the
# way of a repair or a deletion.
package avow.policies.ownership

import rego.v1

is_change if input.operation in {"create", "update", "provision"}

is_protected if input.request.environment in data.avow.settings.protected_environments

has_owner if regex.match("[^ ]", input.request.owner)

is_team if strings.any_prefix_match(input.request.owner, data.avow.settings.team_prefixes)

deny contains {
	"id": "owner_missing",
	"msg": sprintf("a request in %s needs a team that owns it", [input.request.environment]),
	"remediation": "name the owning team, for example --owner team-orders",
} if {
	is_change
	is_protected
	not has_owner
}

deny contains {
	"id": "owner_not_a_team",
	"msg": sprintf("%s is no team, and a request in %s belongs to a team", [input.request.owner, input.request.environment]),
	"remediation": sprintf("name the owning team: its name begins with one of %v", [data.avow.settings.team_prefixes]),
} if {
	is_change
	is_protected
	has_owner
	not is_team
}

warn contains {
	"id": "owner_missing",
	"msg": "nobody owns this request",
	"remediation": "name the owning team, for example --owner team-orders",
} if {
	is_change
	not is_protected
	not has_owner
}
