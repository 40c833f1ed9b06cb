"""A stand-in for dbt Cloud on one machine: ``freshet local dbt-cloud``.

The demo and the tests need a dbt Cloud that costs nothing and fails when it is told to. This one answers the part of
the Administrative API v2 that an orchestrator uses, with the real service's paths, envelopes, times and errors, and
refuses what it does not know, so that a mistake in a client shows here and not in production. A run executes real dbt
on DuckDB (:mod:`.dbt`), or makes results up from a declared graph of models (:mod:`.scripted`) where a test needs
hundreds of runs.

Where the public documents are silent, ``docs/dbt-cloud-stand-in.md`` says what was assumed.
"""
