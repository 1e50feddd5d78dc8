"""Migrations, one file per step, up and down."""
