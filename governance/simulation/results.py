"""Results as JSON: kept with keys in place of names, and told with the names that the reader may know."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from catalog.models import Dataset, Domain
from governance.models import Simulation
from governance.policy.types import Action, Principal
from governance.queries import visible_datasets
from governance.simulation.differences import Differences
from governance.simulation.lint import Finding
from governance.simulation.replay import Replay
from identity.models import User

MAX_ROWS = 200
_LISTS = ("people", "datasets", "fields", "domains", "samples")


def differences_data(found: Differences) -> dict[str, Any]:
    """Counts and the largest rows of each; `next` is where to go on, null where nothing was cut."""
    return {
        "datasets_touched": found.datasets_touched,
        "datasets_asked": found.datasets_asked,
        "next": found.cut_after,
        "pairs": found.pairs,
        "decisions": found.decisions,
        "changed_pairs": found.changed_pairs,
        "kinds": dict(sorted(found.kinds.items())),
        "totals": {
            "people": len(found.by_person),
            "datasets": len(found.by_dataset),
            "fields": len(found.by_field),
            "domains": len(found.by_domain),
        },
        "people": [{"person": key, "kinds": kinds} for key, kinds in _largest(found.by_person)],
        "datasets": [{"dataset": key, "kinds": kinds} for key, kinds in _largest(found.by_dataset)],
        "domains": [{"domain": key, "kinds": kinds} for key, kinds in _largest(found.by_domain)],
        "fields": [
            {"dataset": key[0], "field": key[1], "kinds": kinds}
            for key, kinds in _largest(found.by_field)
        ],
        "samples": found.samples,
    }


def replay_data(found: Replay) -> dict[str, Any]:
    """Counts of recorded decisions and samples."""
    return {
        "since": found.since.isoformat(),
        "records": found.records,
        "questions": found.questions,
        "same": found.same,
        "erased": found.erased,
        "gone": found.gone,
        "differs_today": found.differs_today,
        "outcomes": dict(sorted(found.outcomes.items())),
        "services": dict(sorted(found.by_service.items())),
        "via": {key: dict(kinds) for key, kinds in sorted(found.by_via.items())},
        "people": [{"person": key, "kinds": kinds} for key, kinds in _largest(found.by_person)],
        "datasets": [{"dataset": key, "kinds": kinds} for key, kinds in _largest(found.by_dataset)],
        "samples": found.samples,
    }


def flaw_data(found: Finding) -> dict[str, Any]:
    """One flaw of a policy."""
    return {
        "kind": found.kind,
        "policy": found.policy,
        "others": list(found.others),
        "evidence": found.evidence,
    }


def _largest(table: Mapping[Any, Counter[str]]) -> list[tuple[Any, dict[str, int]]]:
    rows = sorted(table.items(), key=lambda row: (-row[1].total(), str(row[0])))
    return [(key, dict(sorted(kinds.items()))) for key, kinds in rows[:MAX_ROWS]]


def tell_result(row: Simulation, *, reader: Principal) -> dict[str, Any]:
    """The result with names; what is about datasets on which the reader may not approve (any more) is left out."""
    result = dict(row.result)
    if not result:
        return {}
    names = _Names(result, reader)
    for name in _LISTS:
        result[name] = names.told(result[name])
    if "replay" in result:
        replay = dict(result["replay"])
        for name in ("people", "datasets", "samples"):
            replay[name] = names.told(replay[name])
        result["replay"] = replay
    return result


class _Names:
    """Names of the people, datasets and domains of a result; four queries."""

    def __init__(self, result: Mapping[str, Any], reader: Principal) -> None:
        parts = (result, result.get("replay", {}))
        rows = [each for part in parts for name in _LISTS for each in part.get(name, ())]
        known = visible_datasets(reader, action=Action.APPROVE).order_by()
        datasets = Dataset.objects.filter(pk__in=_keys(rows, "dataset") - {None})
        self._datasets = {each.pk: each for each in datasets.filter(pk__in=known.values("pk"))}
        self._people = dict(
            User.objects.filter(pk__in=_keys(rows, "person")).values_list("pk", "username")
        )
        self._domains = dict(
            Domain.objects.filter(pk__in=_keys(rows, "domain") - {None}).values_list("pk", "slug")
        )

    def told(self, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        return [told for row in rows if (told := self._told(row)) is not None]

    def _told(self, row: Mapping[str, Any]) -> dict[str, Any] | None:
        told = dict(row)
        if "dataset" in told:
            dataset = self._datasets.get(told["dataset"])
            if dataset is None:
                return None
            told |= {"dataset": str(dataset.uuid), "name": f"{dataset.namespace}:{dataset.name}"}
        if "person" in told:
            told["person"] = self._people.get(told["person"])
        if "domain" in told:
            told["domain"] = self._domains.get(told["domain"])
        return told


def _keys(rows: Iterable[Mapping[str, Any]], name: str) -> set[Any]:
    return {row[name] for row in rows if name in row}


def visible_simulations(reader: Principal) -> Any:
    """The reader's own: nobody else learns what somebody means to change."""
    return Simulation.objects.filter(author=reader.id)
