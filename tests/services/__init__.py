"""Real servers for tests: PostgreSQL, Redis, RabbitMQ, OPA, Temporal and git over HTTP.

Each module knows one server: how to find its program, start it on a free loopback port
with private data, and stop it. `fixtures` turns them into pytest fixtures, `children`
owns every program a test starts, `missing` decides what a missing program means.
"""
