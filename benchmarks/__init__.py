"""Benchmarks: one file per workload, each prints JSON lines."""
