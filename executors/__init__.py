"""How is it done: whoever accepts a work order and reports a run.

`port` is what all of them look like from outside; `workflow` is the built-in durable
engine, `twin` its in-memory stand-in, `steps` the kinds of work it can do. Nothing in here
knows policy, ownership or the fleet, and nothing calls upward: runs are written down, and
the reconciler looks at them.
"""
