"""How deep the JSON that others send us may nest: one number for each kind of sender, and why it is that one.

No reader of ours recurses into what it has not measured, so these numbers do not guard the stack; they refuse what nobody
sends in good faith before anything walks it, stores it or shows it. docs/explanation/limits.md tells of them.
"""

# Our own API. The deepest document that it takes is a pipeline's or a policy's, some ten levels; custom facets and
# properties of users add theirs. Sixty-four is what other strict readers stop at, too (msgpack and CBOR profiles).
JSON_DEPTH = 64

# OpenLineage events. A `schema` facet nests two levels a nested field, and Spark's `spark.logicalPlan` two an operator:
# real plans of long jobs pass 64, and none of the real events that we keep as a corpus passes 100.
JSON_DEPTH_LINEAGE = 200

# The Iceberg REST protocol. Engines write a filter as a tree of two-armed nodes, so `a = 1 OR a = 2 OR …` of n terms nests
# n levels in a scan report or a planning request. Just below 1,024, where the parser (orjson) stops by itself.
JSON_DEPTH_ICEBERG = 1000
