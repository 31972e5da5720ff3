"""Trino's Open Policy Agent protocol: every question of a Trino cluster about rights, answered by the decision kernel."""
