"""The Ansible step kind.

`play` runs a playbook, `report` is what Ansible itself loads to tell of it, `told` reads that.
"""
