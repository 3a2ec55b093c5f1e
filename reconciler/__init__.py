"""Keeps every accepted request true.

`reconcile.Reconciler` is the straight line: observe, plan, ask policy, act, record. Its
pure parts (`plan`, `drift`, `placement`, `status`, `explain`, `outcome`) know neither the
database nor the clock; `loop` drives it, `workqueue` says which request is next, and
`writeback` carries what was recorded to git.
"""
