"""Writes of `processing`, one noun a file."""
