"""The dbt Cloud side: an async client of its Administrative API, and everything that is decided about its runs.

Only :mod:`.client` (with :mod:`.budget`) does I/O. The rest is pure and gets its clock: the run protocol, selectors,
results, discovery, batches, foreign runs, webhooks. ``freshet.controllers`` composes them; docs/dbt-cloud.md says how.
"""
