"""What runs inside a Job's pod: ``freshet ingest`` and ``freshet count``.

Nothing here imports the operator, nor the operator this: they meet in the Job's spec and in the result that a
pod leaves
(docs/contract.md). Heavy libraries (dlt, duckdb, pyarrow, the Databricks connector) are imported where they are
used, so that a count
never pays for dlt and an unchanged load pays for neither.
"""
