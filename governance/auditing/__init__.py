"""The audit log beyond its records: whose keys encrypt them, how they are read, proven, exported and kept elsewhere."""
