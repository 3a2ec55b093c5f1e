"""Contracts judged as their author has them: what publishing would refuse, what their examples get.

Works on the files of a bundle with the engine's own parts, and reaches no server and no database.
Used by `avow contract`; here and not below it because policy and workflows are both asked.
"""
