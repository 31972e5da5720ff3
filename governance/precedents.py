"""How requests like this one were decided before, as far as an approver may know them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from catalog.models import DatasetTag, FieldTag
from governance.approval.states import RequestState
from governance.models import AccessRequest
from governance.policy.types import Principal
from governance.queries import visible_requests

LOOKED_AT = 500  # the newest decisions
SHOWN = 5
_DECIDED = (
    RequestState.APPROVED,
    RequestState.DENIED,
    RequestState.EXPIRED,
    RequestState.REVOKED,
)
_WORD = re.compile(r"\w{4,}")


@dataclass(frozen=True, slots=True)
class Precedent:
    """An earlier decision, and what it has in common with the request."""

    request: AccessRequest
    alike: Sequence[str]


def find_precedents(asked: AccessRequest, *, viewer: Principal) -> list[Precedent]:
    """The decisions most alike, at most SHOWN: the same dataset, domain, labels, words of the purpose."""
    rows = list(
        visible_requests(viewer)
        .filter(state__in=_DECIDED)
        .exclude(pk=asked.pk)
        .exclude(requester=viewer.id)
        .order_by("-decided_at")[:LOOKED_AT]
    )
    labels = _labels({asked.dataset_id, *(row.dataset_id for row in rows)})
    found = [Precedent(row, _alike(asked, row, labels)) for row in rows]
    weighed = [(_weight(each), each) for each in found if each.alike]
    weighed.sort(key=lambda pair: -pair[0])
    return [each for _, each in weighed[:SHOWN]]


def _alike(asked: AccessRequest, other: AccessRequest, labels: dict[int, set[str]]) -> list[str]:
    nothing: set[str] = set()
    found = ["the same dataset"] if other.dataset_id == asked.dataset_id else []
    if asked.dataset.domain_id and other.dataset.domain_id == asked.dataset.domain_id:
        found.append("the same domain")
    shared = labels.get(asked.dataset_id, nothing) & labels.get(other.dataset_id, nothing)
    found += [f"label {each}" for each in sorted(shared)]
    words = _words(asked.purpose) & _words(other.purpose)
    found += [f"purpose: {each}" for each in sorted(words)]
    return found


def _weight(precedent: Precedent) -> int:
    heavy = {"the same dataset": 8, "the same domain": 2}
    return sum(heavy.get(each, 1) for each in precedent.alike)


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower()))


def _labels(datasets: set[int]) -> dict[int, set[str]]:
    """The tags of each dataset and of its columns."""
    found: dict[int, set[str]] = {}
    own = DatasetTag.objects.filter(dataset__in=datasets).values_list("dataset_id", "tag__name")
    of_fields = FieldTag.objects.filter(field__dataset__in=datasets, field__removed_at=None)
    for key, tag in [*own, *of_fields.values_list("field__dataset_id", "tag__name")]:
        found.setdefault(key, set()).add(tag)
    return found
