"""Writes of the catalog: each one transaction with its audit record."""
