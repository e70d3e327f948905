"""How properties are tried here: nothing is timed, whatever else the machine does meanwhile."""

from hypothesis import HealthCheck, settings

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
