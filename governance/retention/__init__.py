"""How long data is kept and what may be deleted: pure functions, no I/O."""
