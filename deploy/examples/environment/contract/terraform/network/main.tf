# Nothing is downloaded here, so a network is a record that Terraform keeps. With a provider at hand
# this would be the provider's own resource, and the workflow would stay as it is.
variable "cidr" {
  type = string
}

variable "owner" {
  type = string
}

resource "terraform_data" "network" {
  input = {
    cidr  = var.cidr
    owner = var.owner
  }
}

output "id" {
  value = terraform_data.network.id
}

output "cidr" {
  value = terraform_data.network.output.cidr
}
