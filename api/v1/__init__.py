"""Our own JSON API; one module a noun."""
