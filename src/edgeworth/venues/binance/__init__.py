"""Binance: spot candles from bulk dumps and REST answers; pure parsers, no network."""
