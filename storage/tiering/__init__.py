"""Which bytes belong where: a pure cost model, a pure planner, and the Iceberg commit that replaces paths."""
