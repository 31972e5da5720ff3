"""Labels that came to a dataset that somebody reads: by a new edge of field lineage, or by a tag on a field upstream.

Gone through after the commit, from the logs of edges and of facts, so that whoever records lineage or tags does not
wait. The label holds at
once, whatever the review says: masks and denials by label do not wait for it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import asdict
from typing import Any

from django.db import connection, transaction
from django.db.models import Max

from catalog.models import Dataset, Field, FieldTag
from catalog.models.lineage import EdgeKind
from core.clock import utc_now
from core.commits import SNAPSHOT_COLUMNS, unread
from governance.effective.log import Entry
from governance.facts import load_domains, load_grants_on, load_policies, load_resources
from governance.labels import (
    carrying_edges,
    declared_labels,
    downstream_fields,
    new_label_carriers,
)
from governance.models import FactKind, ReviewKind, ReviewMark
from governance.policy.anchors import scope_predicate
from governance.policy.labels import LabelClosure, LabelPaths, close_labels
from governance.policy.types import Action, EntityId
from governance.services.reviews import (
    raise_review,
    read_fact_log,
    take_mark,
    unsettled_sample,
    withdraw_review,
)

LOG = "field edges"
TAG_LOG = "field tags"
# Of one finding: fields that are named in its evidence.
MAX_FIELDS = 50

_POSITION = f"""
SELECT {SNAPSHOT_COLUMNS}, extract(epoch FROM pg_postmaster_start_time())::text
FROM (SELECT pg_current_snapshot() AS snap) s
"""
# ruff: noqa: S608 - assembled from constants of our own only
_OPENED = f"""
SELECT DISTINCT edge_id FROM (
    {unread("catalog_edgelog", columns="edge_id", condition=f"opened AND kind = {EdgeKind.FIELD.value}")}
) unread
"""


def review_labels() -> int:
    """Raise what the edges and tags of the last commits brought about, and settle what is no more; returns how many were raised.

    Called again, it raises nothing twice; of two at once one leaves.
    """
    return _review_edges() + _review_tags()


def _review_edges() -> int:
    mark, _ = ReviewMark.objects.get_or_create(log=LOG)
    # the position first: what is committed in between is seen now and again next time
    position, edges = _read(mark.position)
    with transaction.atomic():
        if not take_mark(mark):
            return 0
        raised = _raise(_reached_through(edges))
        _withdraw_what_is_gone()
        mark.position = position
        mark.save(update_fields=["position"])
    return raised


def _review_tags() -> int:
    mark, _ = ReviewMark.objects.get_or_create(log=TAG_LOG)
    position, entries = read_fact_log(mark.position)
    with transaction.atomic():
        if not take_mark(mark):
            return 0
        newest = FieldTag.objects.aggregate(newest=Max("pk"))["newest"] or 0
        raised = _raise(_reached_from(_fresh_tags(entries, mark.position)))
        mark.position = {**asdict(position), "newest": newest}
        mark.save(update_fields=["position"])
    return raised


def _fresh_tags(entries: list[Entry] | None, before: dict[str, Any]) -> set[tuple[int, str]]:
    """The (field, tag) pairs that the entries tell of and that are there; where the log has a gap, the rows that are new.

    The first time there is nothing to compare with.
    """
    if entries is None:
        rows = (
            FieldTag.objects.filter(pk__gt=before["newest"]) if before else FieldTag.objects.none()
        )
        return set(rows.values_list("field_id", "tag__name"))
    told = {(each.value, each.key) for each in entries if each.kind is FactKind.FIELD_TAG}
    rows = FieldTag.objects.filter(field__in={field for field, _ in told})
    found = rows.values_list("field_id", "tag_id", "tag__name")
    return {(field, name) for field, tag, name in found if (field, tag) in told}


def _reached_from(fresh: set[tuple[int, str]]) -> LabelPaths:
    """By field, by tag: the way of each label that is there because of these tags alone."""
    if not fresh:
        return {}
    below = downstream_fields({field for field, _ in fresh})
    present = carrying_edges(below)
    declared = declared_labels({each.source for each in present} | below)
    older = {
        field: [tag for tag in tags if (field, tag) not in fresh]
        for field, tags in declared.items()
    }
    before, reached = close_labels(present, older), defaultdict[EntityId, dict[str, Any]](dict)
    names = {tag for _, tag in fresh}
    for field, ways in close_labels(present, declared).items():
        for tag in names & ways.keys() - before.get(field, {}).keys():
            reached[field][tag] = ways[tag]
    return dict(reached)


def _read(before: dict[str, Any]) -> tuple[dict[str, Any], list[int]]:
    """The log's position now, and the edges opened since `before`; in another life of the server all that is logged."""
    with connection.cursor() as cursor:
        cursor.execute(_POSITION)
        xmax, running, life = cursor.fetchone()
        same = before.get("life") == life
        since = {
            "xmax": before["xmax"] if same else 0,
            "running": before["running"] if same else [],
        }
        cursor.execute(_OPENED, since)
        opened = [edge for (edge,) in cursor.fetchall()]
    return {"xmax": xmax, "running": running, "life": life}, opened


def _reached_through(edges: Collection[int]) -> LabelPaths:
    """By field, by tag: the way of each label that holds through these edges alone."""
    fresh = new_label_carriers(edges)
    if not fresh:
        return {}
    below = downstream_fields({each.target for each in fresh})
    present = carrying_edges(below)
    declared = declared_labels({each.source for each in present} | below)
    closure = LabelClosure(present, declared)
    ways = close_labels(present, declared)
    reached: LabelPaths = defaultdict(dict)
    for edge in fresh:
        for field, tag in closure.remove(edge):
            reached[field][tag] = ways[field][tag]
    return dict(reached)


def _raise(reached: LabelPaths) -> int:
    fields = Field.objects.present().filter(pk__in=reached).select_related("dataset")
    found: dict[tuple[int, str], list[tuple[Field, tuple[EntityId, ...]]]] = defaultdict(list)
    for field in fields.filter(dataset__deleted_at=None).order_by("ordinal", "pk"):
        for tag, way in reached[field.pk].items():
            found[field.dataset_id, tag].append((field, way))
    if not found:
        return 0
    datasets = Dataset.objects.in_bulk({dataset for dataset, _ in found})
    readers = _readers(datasets.values())
    raised = 0
    for (dataset, tag), rows in sorted(found.items()):
        if not any(readers[dataset].values()):
            continue
        evidence = {
            "tag": tag,
            "fields": [{"field": field.name, "way": list(way)} for field, way in rows[:MAX_FIELDS]],
            "more_fields": max(0, len(rows) - MAX_FIELDS),
            "readers": readers[dataset],
        }
        item = raise_review(ReviewKind.LABEL_REACH, datasets[dataset], key=tag, evidence=evidence)
        raised += item is not None
    return raised


def _readers(datasets: Iterable[Dataset]) -> dict[int, dict[str, int]]:
    """How many grants, owners and policies let somebody read each dataset."""
    domains, now = load_domains(), utc_now()
    ids = {each.path: each.id for each in domains.values()}
    scopes = [
        scope_predicate(each.scope, ids)
        for each in load_policies()
        if each.error is None and each.allows(Action.READ)
    ]
    found: dict[int, dict[str, int]] = {}
    for pk, resource in load_resources(datasets, domains=domains).items():
        grants = load_grants_on(resource.targets, now=now)
        found[pk] = {
            "grants": sum(each.action is Action.READ for each in grants),
            "owners": len(resource.owners),
            "policies": sum(each.matches(resource) for each in scopes),
        }
    return found


def _withdraw_what_is_gone() -> None:
    """Settle the findings of which no field bears the label by inheritance any more: some at a time."""
    items = unsettled_sample(ReviewKind.LABEL_REACH)
    if not items:
        return
    resources = load_resources({each.dataset for each in items}, domains=load_domains())
    for item in items:
        borne = {tag for each in resources[item.dataset_id].fields for tag in each.label_paths}
        if item.dataset.deleted_at is not None or item.key not in borne:
            withdraw_review(item, why="the label does not reach the dataset any more")
