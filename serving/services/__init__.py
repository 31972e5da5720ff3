"""Writes of `serving`, one noun a file."""
