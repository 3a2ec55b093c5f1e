"""Tools for those who write workflows: lint, graph, test, dry run.

All of it works on the files of a bundle alone: no server, no database, no clock. The command
`avow workflow` is the door; it reads the files and prints what comes back from here.
"""
