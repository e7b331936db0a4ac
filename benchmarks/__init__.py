"""Measures where the time and the memory go: ``make bench``, or ``python -m benchmarks``."""
