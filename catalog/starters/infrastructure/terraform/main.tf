# Nothing is downloaded here, so a network is a record that Terraform keeps. With a provider at hand
# this would be the provider's own resource, and the workflows would stay as they are.
variable "cidr" {
  type = string
}

variable "public" {
  type = bool
}

variable "owner" {
  type = string
}

resource "terraform_data" "network" {
  input = {
    cidr   = var.cidr
    public = var.public
    owner  = var.owner
  }
}

output "id" {
  value = terraform_data.network.id
}

output "cidr" {
  value = terraform_data.network.output.cidr
}
