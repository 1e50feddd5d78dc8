"""Batch signals: scan open markets in batches, drop duplicates, and queue what clears its costs for review."""
