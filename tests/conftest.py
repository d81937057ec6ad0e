"""Settings of the whole suite."""

from hypothesis import settings

# First calls import libraries and compile kernels: a deadline per example would measure those.
settings.register_profile("padbench", deadline=None)
settings.load_profile("padbench")
