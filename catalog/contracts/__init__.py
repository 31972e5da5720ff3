"""Data contracts of the Open Data Contract Standard (ODCS) 3.x: reading, writing, and comparing with what is there.

`odcs-json-schema-v3.1.0.json` is the standard's own schema, unchanged (Bitol, Apache-2.0,
https://github.com/bitol-io/open-data-contract-standard); it takes every version from 3.0.0 on.
"""
