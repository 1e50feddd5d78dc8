"""Wiring: the only room that knows every concrete class; configuration in, use cases out."""
