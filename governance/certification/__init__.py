"""Re-certification of grants: the life of campaigns and items, and what to suggest. Plain Python, no I/O."""
