variable "name" {
  type = string
}

variable "network" {
  type = string
}

variable "cidr" {
  type = string
}

variable "amount" {
  type = number
}

resource "terraform_data" "machine" {
  count = var.amount
  input = {
    name    = "${var.name}-${count.index + 1}"
    address = cidrhost(var.cidr, count.index + 10)
    network = var.network
  }
}

output "names" {
  value = terraform_data.machine[*].output.name
}

output "addresses" {
  value = { for machine in terraform_data.machine : machine.output.name => machine.output.address }
}
