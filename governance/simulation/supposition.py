"""The facts of today and those that a draft would make, side by side, loaded a batch of datasets at a time.

Nothing is written: the draft is laid over what was read. Memory grows with people and with one batch, not with the catalog.
"""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import orjson

from catalog.models import Dataset
from core.clock import utc_now
from governance.effective.ids import Ids, union
from governance.effective.store import read_shared_facts
from governance.facts import (
    FieldFacts,
    columns_by_dataset,
    domain_path,
    load_fields,
    load_grants_on,
    load_resources,
)
from governance.labels import carrying_edges, declared_labels, downstream_fields
from governance.policy.labels import LabelPaths, close_labels
from governance.policy.types import EntityId, Facts, Grant, Resource, Target
from governance.simulation.draft import Draft
from governance.simulation.people import Person, load_people
from governance.simulation.touch import Touch, find_touches

BATCH = 500


@dataclass(frozen=True, slots=True)
class Pair:
    """One dataset before and after, with the facts that bear on it."""

    dataset: Dataset
    before: Resource
    after: Resource
    facts_before: Facts
    facts_after: Facts


class Supposition:
    """A draft over the facts as of one moment. Load it in one transaction for one snapshot."""

    def __init__(self, draft: Draft, *, now: datetime | None = None) -> None:
        self.draft = draft
        self.now = now or utc_now()
        self.before = read_shared_facts().with_grants((), now=self.now)
        self.after = draft.over_facts(self.before.with_grants((), now=self.now))
        self.people = load_people(draft)
        self.relabelled = _relabelled(draft)

    @cached_property
    def touches(self) -> list[Touch]:
        """Whom and what the draft may concern."""
        return find_touches(
            self.draft,
            before=self.before,
            after=self.after,
            people=self.people.values(),
            relabelled=self.relabelled,
        )

    @cached_property
    def touched(self) -> Ids:
        """Every dataset about which some decision may differ."""
        return union(touch.datasets for touch in self.touches)

    @cached_property
    def purposes(self) -> tuple[str | None, ...]:
        """The purposes for which a decision may differ: none declared, and each that the draft's policies and grants name."""
        named: set[str] = set()
        for facts in (self.before, self.after):
            for policy in facts.policies:
                if policy.name in self.draft.policies:
                    named |= policy.purposes
                    named |= policy.exempt.purposes if policy.exempt else frozenset()
        changed = (*self.draft.given, *self.draft.revoked.values())
        named |= {each.purpose for each in changed if each.purpose}
        return (None, *sorted(named))

    def touches_on(self, dataset: int) -> tuple[int, ...]:
        """Which of `touches` are on a dataset."""
        return tuple(n for n, touch in enumerate(self.touches) if dataset in touch.datasets)

    def people_in(self, touches: Iterable[int]) -> list[Person]:
        """Whose decisions may differ where these touches are."""
        among: set[EntityId] = set()
        for number in touches:
            people = self.touches[number].people
            if people is None:
                return list(self.people.values())
            among |= people
        return [self.people[key] for key in sorted(among) if key in self.people]

    def pairs(self, datasets: Sequence[int]) -> Iterator[Pair]:
        """These datasets (ids) before and after, in their order."""
        for start in range(0, len(datasets), BATCH):
            yield from self._batch(datasets[start : start + BATCH])

    def _batch(self, keys: Sequence[int]) -> Iterator[Pair]:
        rows = {row.pk: row for row in Dataset.objects.live().filter(pk__in=keys)}
        before = load_resources(rows.values(), domains=self.before.domains)
        after = self._after(rows, before)
        grants = self._grants([*before.values(), *after.values()])
        for key in keys:
            if key in rows:
                yield Pair(
                    rows[key],
                    before[key],
                    after[key],
                    self._facts(self.before, before[key], grants),
                    self._facts(self.after, after[key], grants, draft=self.draft),
                )

    def _facts(
        self,
        facts: Facts,
        resource: Resource,
        grants: Mapping[Target, Sequence[Grant]],
        *,
        draft: Draft | None = None,
    ) -> Facts:
        """`facts` with the grants on this dataset and the domains above it, and no others."""
        found = tuple(each for target in resource.targets for each in grants.get(target, ()))
        if draft is not None:
            found = tuple(e for e in draft.over_grants(found) if e.target in resource.targets)
        return facts.with_grants(found, now=self.now)

    def _after(self, rows: dict[int, Dataset], before: dict[int, Resource]) -> dict[int, Resource]:
        columns = self._columns(rows) if self.relabelled else {}
        found = {}
        for key, row in rows.items():
            place = self.draft.placed.get(key, row.domain_id)
            found[key] = self.draft.over_resource(
                before[key],
                domain_path=domain_path(place, self.after.domains),
                fields=columns.get(key, before[key].fields),
            )
        return found

    def _columns(self, keys: Collection[int]) -> dict[int, Any]:
        fields = load_fields(keys)
        inherited = dict(fields.inherited)
        for field in self.relabelled:
            inherited.pop(field, None)
            if field in self.labels:
                inherited[field] = self.labels[field]
        return columns_by_dataset(
            FieldFacts(fields.rows, self.draft.over_declared(fields.declared), inherited)
        )

    @cached_property
    def labels(self) -> LabelPaths:
        """What the fields whose labels may change would inherit."""
        fields = {*self.relabelled, *(edge.source for edge in self.draft.edges)}
        edges = self.draft.over_edges(carrying_edges(fields))
        ends = {edge.source for edge in edges} | fields
        return close_labels(edges, self.draft.over_declared(declared_labels(ends)))

    def _grants(self, resources: Collection[Resource]) -> dict[Target, list[Grant]]:
        targets: set[Target] = {each for one in resources for each in one.targets}
        found: dict[Target, list[Grant]] = defaultdict(list)
        for each in load_grants_on(targets, now=self.now):
            found[each.target].append(each)
        return found


class Fingerprint:
    """A digest of every fact of today, but for the time, that decisions about the datasets added hang on."""

    def __init__(self, supposition: Supposition) -> None:
        facts = supposition.before
        self._digest = hashlib.sha256()
        self._digest.update(_told([facts.policies, [*facts.domains.values()]]))
        self._digest.update(_told([each.before for each in supposition.people.values()]))

    def add(self, pair: Pair) -> None:
        """Take in the facts about a dataset."""
        self._digest.update(_told([pair.before, {*pair.facts_before.grants}]))

    def hexdigest(self) -> str:
        return self._digest.hexdigest()


def _relabelled(draft: Draft) -> frozenset[int]:
    """The fields whose labels the draft may change: those it tags, and all that is derived from them."""
    seeds = {*draft.field_tags, *(edge.target for edge in draft.edges)}
    return frozenset(downstream_fields(seeds)) if seeds else frozenset()


def _told(value: Any) -> bytes:
    return orjson.dumps(_plain(value), option=orjson.OPT_NON_STR_KEYS | orjson.OPT_SORT_KEYS)


def _plain(value: Any) -> Any:
    """`value` with sets in order and dataclasses as lists of their fields."""
    if isinstance(value, frozenset | set):
        return sorted((_plain(each) for each in value), key=str)
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if hasattr(value, "__dataclass_fields__"):
        return [_plain(getattr(value, name)) for name in value.__dataclass_fields__]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
