"""How data is refined: declared pipelines, run by Spark, checked before they are published."""
