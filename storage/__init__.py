"""Where bytes live: locations, tiers, tables, object collections, movements."""
