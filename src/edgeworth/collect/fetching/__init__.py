"""Bring history home: resolved markets with prices and trades, candles, and what the collector missed."""
