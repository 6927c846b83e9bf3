"""Hypothesis's settings where a run plays the same examples each time, each of which may take long."""

from hypothesis import HealthCheck, settings

SAME_EACH_TIME = settings(
    deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
)
