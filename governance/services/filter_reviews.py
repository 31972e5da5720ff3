"""Row filters of policies that a dataset's schema no longer fits: the policy denies there, and somebody is told.

Gone through after the commit, from the log of changed facts. A filter is checked when its policy is saved; here it is
checked again where a field came, went, or got another name or type, and where a dataset or a tag of it is new or moved.
"""

from collections.abc import Iterable
from dataclasses import asdict

from django.db import transaction

from catalog.models import Dataset, Field
from governance.effective import shared_facts
from governance.effective.log import Entry
from governance.facts import load_domains, load_resources
from governance.models import FactKind, ReviewKind, ReviewMark
from governance.policy.anchors import scope_predicate
from governance.policy.binding import ANY_ATTRIBUTES, bind
from governance.policy.errors import RowFilterError
from governance.policy.predicates import Predicate
from governance.policy.restrict import unfit
from governance.policy.rows import parse_row_filter
from governance.policy.types import Facts, FilterRows, Policy, Resource
from governance.restriction import to_condition
from governance.services.reviews import (
    raise_review,
    read_fact_log,
    take_mark,
    unsettled_sample,
    withdraw_review,
)

LOG = "facts"
# Of one policy, where all must be gone through because the log does not reach back.
MAX_DATASETS = 1000
BATCH = 200

_BY_DATASET_KEY = {FactKind.DATASET_BORN, FactKind.DATASET_CHANGED, FactKind.FIELD}


def review_filters() -> int:
    """Raise a finding for each dataset that a row filter in force no longer fits; returns how many are new.

    Called again, it raises nothing twice; of two at once one leaves. Policies are taken from what the process keeps.
    """
    mark, _ = ReviewMark.objects.get_or_create(log=LOG)
    # INVARIANT: the log first: a policy that is published after it was read has been checked against what it tells of
    position, entries = read_fact_log(mark.position)
    facts = shared_facts()
    scopes = _scopes(facts)
    with transaction.atomic():
        if not take_mark(mark):
            return 0
        datasets = _all_unfit(scopes, facts) if entries is None else _named_by(entries)
        raised = _raise(datasets, scopes)
        _withdraw_what_fits(scopes)
        mark.position = asdict(position)
        mark.save(update_fields=["position"])
    return raised


def _scopes(facts: Facts) -> list[tuple[Policy, Predicate]]:
    """The policies in force that filter rows, each with the datasets to which it applies."""
    ids = {each.path: each.id for each in facts.domains.values()}
    return [
        (each, scope_predicate(each.scope, ids))
        for each in facts.policies
        if each.error is None and isinstance(each.effect, FilterRows)
    ]


def _named_by(entries: Iterable[Entry]) -> set[int]:
    """The datasets that the entries tell of."""
    found: set[int] = set()
    tagged: set[int] = set()
    for each in entries:
        if each.kind in _BY_DATASET_KEY:
            found.add(each.key)
        elif each.kind is FactKind.DATASET_TAG:
            found.add(each.value)
        elif each.kind is FactKind.FIELD_TAG:
            tagged.add(each.value)
    fields = Field.objects.filter(pk__in=tagged) if tagged else Field.objects.none()
    return found | set(fields.values_list("dataset_id", flat=True))


def _all_unfit(scopes: list[tuple[Policy, Predicate]], facts: Facts) -> set[int]:
    """The datasets that some filter does not fit, found by SQL; one query a policy."""
    found: set[int] = set()
    for policy, scope in scopes:
        condition = to_condition(unfit(scope, _sql_of(policy)), domains=facts.domains)
        rows = Dataset.objects.live().filter(condition).order_by()
        found.update(rows.values_list("pk", flat=True)[:MAX_DATASETS])
    return found


def _raise(datasets: set[int], scopes: list[tuple[Policy, Predicate]]) -> int:
    if not scopes:
        return 0
    raised, ordered = 0, sorted(datasets)
    for start in range(0, len(ordered), BATCH):
        rows = Dataset.objects.live().in_bulk(ordered[start : start + BATCH])
        for pk, resource in load_resources(rows.values(), domains=load_domains()).items():
            for policy, problem in _misfits(resource, scopes):
                item = raise_review(
                    ReviewKind.FILTER_MISFIT,
                    rows[pk],
                    key=policy.name,
                    evidence={
                        "policy": policy.name,
                        "version": policy.version,
                        "problem": problem,
                    },
                )
                raised += item is not None
    return raised


def _misfits(
    resource: Resource, scopes: list[tuple[Policy, Predicate]]
) -> Iterable[tuple[Policy, str]]:
    """The policies whose filter cannot be evaluated on this dataset, whoever asks, and why."""
    for policy, scope in scopes:
        if not scope.matches(resource):
            continue
        try:
            bind(
                parse_row_filter(_sql_of(policy)),
                field_types=resource.field_types,
                attributes=ANY_ATTRIBUTES,
            )
        except RowFilterError as error:
            yield policy, error.message


def _sql_of(policy: Policy) -> str:
    # INVARIANT: `_scopes` gives policies that filter rows, and no others
    return policy.effect.sql if isinstance(policy.effect, FilterRows) else ""


def _withdraw_what_fits(scopes: list[tuple[Policy, Predicate]]) -> None:
    """Settle the findings that are no more: the filter fits again, or is in force no longer. Some at a time."""
    items = unsettled_sample(ReviewKind.FILTER_MISFIT)
    if not items:
        return
    resources = load_resources({each.dataset for each in items}, domains=load_domains())
    for item in items:
        still = {policy.name for policy, _ in _misfits(resources[item.dataset_id], scopes)}
        if item.dataset.deleted_at is not None or item.key not in still:
            withdraw_review(item, why="the filter does not apply, or fits again")
