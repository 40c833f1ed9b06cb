"""The first process of a container, started by the agent as ``python -I -S``.

Only the standard library may be imported here: the start of every container waits for these imports.
"""
