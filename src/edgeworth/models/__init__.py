"""Forecasters and the scores that judge them, always against the market price."""
