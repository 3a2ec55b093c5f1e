"""Plays a workflow through without services: scripted answers, people as told, virtual time.

The real core decides; only the world around it is made up. `script` reads test files,
`stage` plays one case, `verdict` compares, and `dry` is the play in which everybody agrees.
"""
