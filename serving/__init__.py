"""How models are offered: registry and runtime."""
