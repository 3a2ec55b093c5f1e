"""The peers' side: the same work under other engines, and the floor under all of them.

A peer's script runs in a virtual environment of its own with this source tree on its path; it
may import `tests.bench.figures`, `tests.bench.peers.shared` and `tests.services`, and nothing
of Avow. `install` makes the environments and runs the scripts.
"""
