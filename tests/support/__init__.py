"""Builders shared by tests; importable as `tests.support.<module>`."""
