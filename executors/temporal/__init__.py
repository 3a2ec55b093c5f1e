"""A second engine behind the same port: the same workflow document, run by a Temporal server.

`wire` is what crosses the server as plain JSON, `driver` is the deciding core in a Temporal
workflow's hands; both are pure. `program` is that workflow, `errands` are its activities,
`crew` runs both on a worker; `line` speaks to the server and `executor` is the port. What is
decided stands in `executors.workflow`; only how it is kept, timed and distributed is
Temporal's. This package is the one door to the Temporal library.
"""
