"""What is known of assets and pipelines, for Prometheus: read from the cache when it is scraped, so that what was
deleted leaves no series behind. Counters and histograms of the operator itself are in freshet.runtime.telemetry.
"""

from freshet.metrics.assets import STATES, AssetMetrics, LiveDataTime
from freshet.metrics.pipelines import PipelineMetrics

__all__ = ["STATES", "AssetMetrics", "LiveDataTime", "PipelineMetrics"]
