"""Collect: bring the world's data in: import files, later find, track, scan and resolve markets."""
