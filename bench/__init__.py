"""Benchmarks, each beside the peer or the limit that it is measured against, both run in one go."""
