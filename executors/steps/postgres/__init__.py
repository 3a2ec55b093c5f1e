"""The PostgreSQL kinds: roles, databases, grants, and a look at them.

`server` speaks to a server (with its siblings here the only importer of psycopg) and knows
whose an object is; `roles`, `databases` and `sessions` hold the kinds. What a request makes carries the
request's mark in a comment. An object without that mark is never altered and never dropped.
"""
