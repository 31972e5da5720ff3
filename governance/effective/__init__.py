"""Effective sets: what each principal may see, kept in memory, and exact at every question."""

from governance.effective.ids import FrozenIds, Ids, mask_of
from governance.effective.sets import decided_ids, shared_facts, visible_ids

__all__ = ["FrozenIds", "Ids", "decided_ids", "mask_of", "shared_facts", "visible_ids"]
