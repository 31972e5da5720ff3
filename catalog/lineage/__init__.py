"""Lineage without I/O: reading events, ordering what they say, walking graphs, reading SQL."""
