"""Iceberg tables: metadata documents, names, locations, and the catalog that commits in our own transaction."""
