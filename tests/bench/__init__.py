"""The benchmarks: Avow beside its peers and beside the floor, measured in one run.

Started by `make bench` (`python -m tests.bench`), never by the tests; docs/benchmarks.md says how
to read what it prints. Each module measures one thing and prints its own lines.
"""
