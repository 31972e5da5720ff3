"""Which grants a campaign asks about: read set-based, in a number of queries that does not grow with them."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from catalog.models import Dataset, DatasetTag, Domain
from governance.facts import GRANT_MODELS, load_columns, load_facts
from governance.labels import labelled_datasets
from governance.models import (
    Campaign,
    DatasetGroupGrant,
    DatasetUserGrant,
    Delegation,
    GrantUse,
)
from governance.policy.predicates import glob_to_regex
from governance.policy.types import Action, EntityId, Facts, Principal
from governance.queries import (
    administered_domains,
    domain_chain,
    grants_in_force,
    visible_datasets,
)


def grants_in_scope(campaign: Campaign, *, by: Principal, now: datetime) -> Iterator[Any]:
    """The grants in force on what `by` may approve on, as far as the campaign reaches.

    Not those of broken glass and of delegations, which end soon by themselves and are looked at elsewhere.
    """
    facts = load_facts(by, now=now)
    domains = _domains(campaign, by, facts)
    datasets = visible_datasets(by, action=Action.APPROVE, facts=facts).order_by()
    if campaign.domain:
        datasets = datasets.filter(domain__in=domains)
    labelled = _Labelled(campaign.labels) if campaign.labels else None
    for model in GRANT_MODELS:
        rows = _aged(grants_in_force(model), campaign, now=now)
        if issubclass(model, DatasetUserGrant | DatasetGroupGrant):
            rows = rows.filter(content_object__in=datasets.values("pk"))
            yield from rows if labelled is None else labelled.of_datasets(rows)
        else:
            rows = rows.filter(content_object__in=domains)
            yield from rows if labelled is None else labelled.of_domains(rows, facts)


def _domains(campaign: Campaign, by: Principal, facts: Facts) -> set[EntityId]:
    mine = administered_domains(by, facts=facts)
    if not campaign.domain:
        return mine
    root = Domain.objects.get(slug=campaign.domain).pk
    return {each for each in mine if root in domain_chain(each, facts)}


def _aged(rows: QuerySet[Any], campaign: Campaign, *, now: datetime) -> QuerySet[Any]:
    """Those old enough, and unused for long enough: of that only grants of `read` tell."""
    rows = rows.filter(break_glass=None).exclude(
        uuid__in=Delegation.objects.filter(grant__isnull=False).values("grant")
    )
    if campaign.older_than_days is not None:
        rows = rows.filter(granted_at__lte=now - timedelta(days=campaign.older_than_days))
    if campaign.unused_for_days is None:
        return rows
    since = now - timedelta(days=campaign.unused_for_days)
    used = GrantUse.objects.filter(grant=OuterRef("uuid"), last_at__gt=since)
    return rows.filter(
        ~Exists(used), granted_at__lte=since, permission__codename__startswith="read_"
    )


class _Labelled:
    """What bears labels of these names, `pii.*` for all below: on a column, inherited too, or on the dataset itself."""

    def __init__(self, patterns: list[str]) -> None:
        expressions = [glob_to_regex(each) for each in sorted(patterns)]
        self.expressions = [re.compile(each) for each in expressions]
        named = Q()
        for each in expressions:
            named |= Q(tag__name__regex=each)
        self.by_tag = set(
            DatasetTag.objects.filter(named).order_by().values_list("dataset_id", flat=True)
        )
        rows = Dataset.objects.live().filter(
            Q(pk__in=labelled_datasets(patterns)) | Q(pk__in=self.by_tag)
        )
        self.domain_of = dict(rows.order_by().values_list("pk", "domain_id"))

    def of_datasets(self, rows: QuerySet[Any]) -> Iterator[Any]:
        """The grants that reach something labelled: one of other columns does not."""
        found = list(rows.filter(content_object__in=list(self.domain_of)))
        narrow = [each for each in found if each.columns is not None]
        borne = self._bearing({each.content_object_id for each in narrow} - self.by_tag)
        for each in found:
            dataset = each.content_object_id
            is_whole = each.columns is None or dataset in self.by_tag
            if is_whole or not borne.get(dataset, set()).isdisjoint(each.columns):
                yield each

    def of_domains(self, rows: QuerySet[Any], facts: Facts) -> Iterator[Any]:
        """The grants on domains with something labelled below."""
        above = {
            each for domain in set(self.domain_of.values()) for each in domain_chain(domain, facts)
        }
        yield from rows.filter(content_object__in=above)

    def _bearing(self, datasets: set[int]) -> dict[int, set[str]]:
        """The names of the columns that bear one of the labels."""
        return {
            dataset: {
                info.name
                for info in columns
                if any(each.search(tag) for each in self.expressions for tag in info.tags)
            }
            for dataset, columns in load_columns(datasets).items()
        }
