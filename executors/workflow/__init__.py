"""The built-in durable workflow engine.

Pure core: `spec` and `check` (the document), `events` and `state` (the journal and its
fold), `decide` (what happens next), `view` and `narrate` (how it is told). Shell: `worker`
drives one run, `act` carries out a call, `journal` writes, `keeper` renews leases;
`threads`, `tasks` (Celery) and `sweeper` bring runs to workers; `executor` is the engine
behind the port. A run's life: accepted, claimed, decided, recorded, carried out, recorded.
"""
