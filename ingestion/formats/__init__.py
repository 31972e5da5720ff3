"""Bytes in, rows and metadata out: one file a format, no Django and no I/O.

`registry` finds a format by name or by content; `base` holds the interface that all of them keep
(`tests/contracts/test_formats.py` runs one suite against each).
"""
