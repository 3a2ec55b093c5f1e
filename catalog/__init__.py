"""The book of record: what may be asked, what was asked, what exists.

Everything else speaks in this package's words and it knows nothing of the others. Modules
named for a single noun (`request`, `contract`, `fleet`) are pure; their plurals and
`*_store` hold the queries; `db` is the one door to the database.
"""
