"""The built-in durable workflow engine.

Pure core. The document: `spec`, `check` (with `graph`, `linkage`). The journal and its fold:
`events`, `milestones`, `approval_events` and `state`, whose values are in `progress`. What
happens next: `decide`, which tells a `story` by the rules of `letters`, `answers`, `forward`
and `backward`. People: `approval`, `ballot`. How it is told: `view`, `narrate`.
Shell: `worker` drives runs, `act` carries out a call, `journal` writes, `keeper` renews leases;
`threads`, `tasks` (Celery) and `sweeper` bring runs to workers; `executor` is the engine
behind the port. A run's life: accepted, claimed, decided, recorded, carried out, recorded.
"""
