"""What holds for all tests: how hypothesis behaves on machines that are busy, and that Ctrl-C can be tried."""

import signal

from hypothesis import HealthCheck, settings

settings.register_profile("freshet", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("freshet")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell without job control starts what it puts behind
    signal.signal(signal.SIGINT, signal.default_int_handler)
