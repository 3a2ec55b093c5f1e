"""The git kinds.

`files` commits, `look` inspects, `repositories` makes and puts away; `remotes` and `shelves`
are what they reach. Whatever they do to git they do through `executors.repository`.
"""
