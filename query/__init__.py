"""Governed reads: a decision applied to a scan."""
