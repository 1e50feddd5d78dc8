"""Peers of the benchmarks that need code of their own."""
