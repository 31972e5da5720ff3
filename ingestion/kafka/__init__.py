"""Reading Kafka topics: partitions assigned by hand, offsets kept by us."""
