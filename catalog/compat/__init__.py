"""What a new revision of a contract breaks, for whom, and which version it is due.

`compare` is the face. `prover` says whether all that one schema allows is allowed by
another, by the `rules_*`; it knows nothing of contracts. `schemas` asks it in both
directions and `wording` says what came out; `body`, `actions`, `relations`, `defaults` and
`policies` compare what is no schema. Pure: two revisions in, a verdict out.
"""
