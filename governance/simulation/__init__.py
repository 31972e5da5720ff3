"""What a change would do before it is made: drafts laid over the facts, asked of the one kernel, changing nothing."""
