"""Who gains or loses what: the pairs that a draft touches, decided before and after, counted and sampled.

People with the same bearing facts are decided once. The work is bounded by decisions: what is left out is said, with the
dataset after which to go on.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from governance.policy.types import Action
from governance.simulation.answers import ASKED, Answer, answer_of, bearings_of, classes_of
from governance.simulation.people import Person
from governance.simulation.supposition import Fingerprint, Pair, Supposition

# Decisions before the work is cut: about 30 µs each.
MAX_DECISIONS = 10_000_000
MAX_SAMPLES = 50
# Partitions of the people that are kept.
MAX_KEPT = 200
_RIGHTS = (
    (Action.DISCOVER, "discover"),
    (Action.VIEW_METADATA, "view_metadata"),
    (Action.READ, "read"),
)
# A change of one pair: what changes, and of which field.
Change = tuple[str, str]


def changes_between(before: Answer, after: Answer) -> list[Change]:
    """What differs, as (kind, field); the field is empty where it is about the dataset."""
    found = [
        (f"{verb}_{name}", "")
        for action, name in _RIGHTS
        for verb in [_verb(action in before.allowed, action in after.allowed)]
        if verb
    ]
    reads = Action.READ in before.allowed and Action.READ in after.allowed
    if reads and before.row_filter != after.row_filter:
        found.append((_filter_kind(before.row_filter, after.row_filter), ""))
    return [*found, *_field_changes(before, after, reads=reads)]


def _verb(before: bool, after: bool) -> str:  # noqa: FBT001  # two answers side by side
    return "" if before == after else ("gain" if after else "lose")


def _filter_kind(before: str | None, after: str | None) -> str:
    if before is None:
        return "row_filter_appears"
    return "row_filter_vanishes" if after is None else "row_filter_changes"


def _field_changes(before: Answer, after: Answer, *, reads: bool) -> Iterator[Change]:
    for name in sorted(before.columns.keys() | after.columns.keys()):
        old, new = before.columns.get(name), after.columns.get(name)
        if old is None:
            yield "field_shown", name
        elif new is None:
            yield "field_hidden", name
        elif old != new and reads:
            if old[0] != new[0]:
                yield _mask_kind(old[0], new[0]), name
            if old[1] != new[1]:
                yield "field_rows_change", name


def _mask_kind(before: str, after: str) -> str:
    if not before:
        return "mask_appears"
    return "mask_vanishes" if not after else "mask_changes"


@dataclass(slots=True)
class Differences:
    """What was found so far. Persons and datasets by primary key, domains too; `after` is where to go on."""

    datasets_touched: int = 0
    datasets_asked: int = 0
    pairs: int = 0
    decisions: int = 0
    fingerprint: str = ""
    changed_pairs: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    by_person: dict[int, Counter[str]] = field(default_factory=dict)
    by_dataset: dict[int, Counter[str]] = field(default_factory=dict)
    by_domain: dict[int | None, Counter[str]] = field(default_factory=dict)
    by_field: dict[tuple[int, str], Counter[str]] = field(default_factory=dict)
    samples: list[dict[str, Any]] = field(default_factory=list)
    cut_after: int | None = None

    def note(self, pair: Pair, people: list[Person], purpose: str | None, both: "Both") -> None:
        """Count a difference that all of `people` share."""
        key, count = pair.dataset.pk, len(people)
        self.changed_pairs += count
        for kind, name in both.changes:
            self.kinds[kind] += count
            if name:
                self.by_field.setdefault((key, name), Counter())[kind] += count
        kinds = {kind for kind, _ in both.changes}
        once = dict.fromkeys(kinds, count)
        self.by_dataset.setdefault(key, Counter()).update(once)
        self.by_domain.setdefault(pair.dataset.domain_id, Counter()).update(once)
        for person in people:
            self.by_person.setdefault(person.id, Counter()).update(kinds)
        if len(self.samples) < MAX_SAMPLES:
            self.samples.append(_sample(pair, people, purpose, both))


@dataclass(frozen=True, slots=True)
class Both:
    """The two answers and what differs."""

    before: Answer
    after: Answer
    changes: list[Change]


def find_differences(
    supposition: Supposition,
    *,
    datasets: Iterable[int],
    max_decisions: int = MAX_DECISIONS,
    progress: Callable[[int, int], None] | None = None,
) -> Differences:
    """What the draft changes on these datasets (ids ascending). `progress` is told how many of how many are done."""
    keys = list(datasets)
    found, classes = Differences(datasets_touched=len(keys)), Classes(supposition)
    fingerprint = Fingerprint(supposition)
    for pair in supposition.pairs(keys):
        if found.decisions >= max_decisions:
            break
        _compare(pair, classes, found)
        fingerprint.add(pair)
        found.datasets_asked += 1
        found.cut_after = pair.dataset.pk
        if progress is not None:
            progress(found.datasets_asked, len(keys))
    if found.datasets_asked == len(keys):
        found.cut_after = None
    found.fingerprint = fingerprint.hexdigest()
    return found


def _compare(pair: Pair, classes: "Classes", found: Differences) -> None:
    for purpose, among in classes.of(pair):
        for members in among:
            both = compare_answers(pair, members[0])
            found.decisions += 2 * len(_RIGHTS)
            found.pairs += len(members)
            if both.changes:
                found.note(pair, members, purpose, both)


class Classes:
    """The people whom a draft touches on a dataset, by purpose and class; kept for datasets on which the same bears."""

    def __init__(self, supposition: Supposition) -> None:
        self._supposition = supposition
        self._kept: dict[Any, list[tuple[str | None, list[list[Person]]]]] = {}

    def of(self, pair: Pair) -> list[tuple[str | None, list[list[Person]]]]:
        """The classes of each purpose."""
        touches = self._supposition.touches_on(pair.dataset.pk)
        key = (touches, *bearings_of(pair))
        found = self._kept.get(key)
        if found is None:
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            people = self._supposition.people_in(touches)
            found = self._kept[key] = [
                (purpose, classes_of(key[1:], [each.declaring(purpose) for each in people]))
                for purpose in self._supposition.purposes
            ]
        return found


def compare_answers(pair: Pair, person: Person, *, asked: Sequence[Action] = ASKED) -> Both:
    """One person's answers about one dataset, before and after; `asked` holds `read`."""
    before = answer_of(person.before, pair.before, pair.facts_before, asked=asked)
    after = answer_of(person.after, pair.after, pair.facts_after, asked=asked)
    return Both(before, after, changes_between(before, after))


def _sample(pair: Pair, people: list[Person], purpose: str | None, both: Both) -> dict[str, Any]:
    return {
        "person": people[0].id,
        "others": len(people) - 1,
        "dataset": pair.dataset.pk,
        "purpose": purpose,
        "changes": [{"kind": kind, "field": name} for kind, name in both.changes],
        "before": _told(both.before),
        "after": _told(both.after),
    }


def _told(answer: Answer) -> dict[str, Any]:
    return {
        "allowed": sorted(answer.allowed),
        "row_filter": answer.row_filter,
        "masks": {name: mask for name, (mask, _) in sorted(answer.columns.items()) if mask},
        "fields": len(answer.columns),
        "reasons": list(answer.reasons),
    }
