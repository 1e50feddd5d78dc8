"""Alembic migrations of the two databases, packaged so that an installed edgeworth can create and upgrade them."""
