"""What exists: datasets, fields, versions, domains, tags, jobs, runs, and the lineage between them."""
