"""What all tests share: one profile for the property tests."""

from hypothesis import HealthCheck, settings

# no deadline: the first example of a property may compile; derandomised: a failure on one machine fails on all
settings.register_profile("lab", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("lab")
