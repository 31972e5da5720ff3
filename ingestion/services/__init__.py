"""Writes of `ingestion`: each one transaction with its audit record."""
