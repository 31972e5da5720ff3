"""What the caller of a lineage question may see, in the form in which walks ask it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from catalog.lineage.csr import BoolArray, IntArray
from catalog.queries.lineage import QuerySetSight, Sight
from core.clock import utc_now
from governance.effective import FrozenIds, decided_ids, shared_facts
from governance.policy.types import Action, Principal
from governance.queries import load_facts, traceable_datasets, visible_datasets


@dataclass(frozen=True)
class IdsSight:
    """What a caller may see, kept as a set."""

    ids: FrozenIds

    def visible_among(self, ids: IntArray) -> BoolArray:
        """See `Sight`; no query."""
        kept = self.ids
        return np.array([key in kept for key in ids.tolist()], dtype=np.bool_)


@dataclass(frozen=True)
class Sights:
    """The datasets that a principal may discover, and of which they may view the metadata."""

    principal: Principal

    @cached_property
    def visible(self) -> Sight:
        """What may be in an answer."""
        return self._both[0]

    @cached_property
    def described(self) -> Sight:
        """Of what fields, tags and description may be told."""
        return self._both[1]

    @cached_property
    def traced(self) -> Sight | None:
        """What may stand in an answer without a name; None where no policy says so."""
        # No grant gives `trace`, so none is read.
        facts = shared_facts().with_grants((), now=utc_now())
        found = traceable_datasets(self.principal, facts=facts)
        return None if found is None else QuerySetSight(found)

    @cached_property
    def _both(self) -> tuple[Sight, Sight]:
        kept = decided_ids(self.principal, Action.DISCOVER, Action.VIEW_METADATA)
        if kept is not None:
            return IdsSight(kept[0]), IdsSight(kept[1])
        facts = load_facts(self.principal)
        visible, described = (
            QuerySetSight(visible_datasets(self.principal, action=action, facts=facts))
            for action in (Action.DISCOVER, Action.VIEW_METADATA)
        )
        # Often both are the same question: then what was answered to the one is known to the other.
        return visible, visible if visible.question == described.question else described
