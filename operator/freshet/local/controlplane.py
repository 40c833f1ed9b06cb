"""The local control plane as others use it: ``build`` it once, then ``LocalCluster.start`` as often as you like."""

from freshet.local.build import BuildError, Progress, build, silent
from freshet.local.build_progress import progress_bar
from freshet.local.cluster import ClusterError, LocalCluster

__all__ = ["BuildError", "ClusterError", "LocalCluster", "Progress", "build", "progress_bar", "silent"]
