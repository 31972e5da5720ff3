"""Writes of `storage`: each one transaction with its audit record."""
