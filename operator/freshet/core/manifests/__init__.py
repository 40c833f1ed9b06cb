"""Builders of what freshet creates: pure functions from views to manifests (plain dicts)."""
