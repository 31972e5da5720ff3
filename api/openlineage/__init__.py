"""The OpenLineage receiver and the lineage reads in the shape of Marquez."""
