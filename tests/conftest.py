"""What holds for all tests: how hypothesis behaves on machines that are busy."""

from hypothesis import HealthCheck, settings

settings.register_profile("freshet", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("freshet")
