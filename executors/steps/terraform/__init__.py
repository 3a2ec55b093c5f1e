"""The Terraform step kinds.

`module` says which modules are run, `stack` keeps a request's state, `program` runs the binary
in a jail, and the kinds put them together. Only what Terraform brings along works
(`terraform_data`): nothing is ever downloaded.
"""
