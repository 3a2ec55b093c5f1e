"""The command line `avow`: a client that speaks the REST API like anybody else.

`main` finds the command and loads its module, and only that one, so `avow --help` stays
quick. Answers go to stdout, the story and errors to stderr. Nothing here imports a server
package; the one exception is `serve`, which is loaded by name and starts the servers.
"""
