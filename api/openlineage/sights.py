"""What the caller of a lineage question may see, in the form in which walks ask it."""

from dataclasses import dataclass
from functools import cached_property

from catalog.queries.lineage import QuerySetSight, Sight
from governance.policy.types import Action, Facts, Principal
from governance.queries import load_facts, traceable_datasets, visible_datasets


@dataclass(frozen=True)
class Sights:
    """The datasets that a principal may discover, and of which they may view the metadata."""

    principal: Principal

    @cached_property
    def visible(self) -> QuerySetSight:
        """What may be in an answer."""
        return self._sight(Action.DISCOVER)

    @cached_property
    def described(self) -> Sight:
        """Of what fields, tags and description may be told."""
        sight = self._sight(Action.VIEW_METADATA)
        # Often both are the same question: then what was answered to the one is known to the other.
        is_same = "visible" in self.__dict__ and sight.question == self.visible.question
        return self.visible if is_same else sight

    @cached_property
    def traced(self) -> Sight | None:
        """What may stand in an answer without a name; None where no policy says so."""
        found = traceable_datasets(self.principal, facts=self._facts)
        return None if found is None else QuerySetSight(found)

    @cached_property
    def _facts(self) -> Facts:
        return load_facts(self.principal)

    def _sight(self, action: Action) -> QuerySetSight:
        return QuerySetSight(visible_datasets(self.principal, action=action, facts=self._facts))
