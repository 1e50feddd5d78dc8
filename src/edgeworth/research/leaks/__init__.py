"""Checks of the leak lint: pure functions over arrays, one per code of the catalogue, each returning one line.

A line's `passed` is False when the leak is there, True when it was looked for and not found, None when nothing can be
said (too few rows, or the question does not arise).
"""
