"""The tests of Avow.

A package only so that `tests.services` and `tests.bench` mean these folders and no other
distribution's. Nothing in here ships.
"""
