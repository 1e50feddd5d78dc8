"""Polymarket: Gamma metadata, CLOB markets, price histories; pure parsers, no network."""
