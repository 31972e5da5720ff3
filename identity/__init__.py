"""Who acts: users with attributes, groups, service accounts, and their tokens."""
