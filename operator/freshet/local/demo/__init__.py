"""The whole example on one machine: a cluster, a node, dbt Cloud's stand-in, the operator, and three assets."""
