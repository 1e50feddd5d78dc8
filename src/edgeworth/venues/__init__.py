"""Adapters: pure parsers of what venues and exchanges send; bytes or decoded objects in, `core.records` out."""
