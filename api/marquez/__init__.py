"""The Marquez API (its openapi.yml, 0.51), read and write: what its clients ask, answered within what the caller may see."""
