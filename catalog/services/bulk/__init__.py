"""Bulk import: a stream of NDJSON lines into the catalog, a chunk a transaction."""
