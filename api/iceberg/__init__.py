"""The Iceberg REST catalog (specification `rest-catalog-open-api.yaml`, Iceberg 1.11): tables for every engine."""
