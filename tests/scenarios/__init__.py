"""The acceptance scenarios: real processes, real git, both databases, nothing but the REST API."""
