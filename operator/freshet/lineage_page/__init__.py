"""The lineage page: a read-only view of the cache, served on the operator's port and kept live by server-sent events.

It shows what `kubectl get assets` shows, as a graph. Nobody can change anything by it, and it holds no secret: it reads
Assets and Pipelines, never Secrets. The page itself is built from ``ui/`` (docs/lineage.md).
"""

from freshet.lineage_page.app import lineage_page

__all__ = ["lineage_page"]
