"""A stand-in for a Databricks SQL warehouse: the connector's own Thrift protocol over HTTP, with DuckDB behind.

It is test and demo equipment. It answers with the real service's envelopes, error classes and one-statement
atomicity, has no transactions, and refuses what it does not know. docs/databricks-stand-in.md says what it knows.
"""
