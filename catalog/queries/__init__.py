"""Reads across the models of the catalog. What the caller may see comes in as a queryset of `governance`."""
