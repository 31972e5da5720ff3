"""A table's rows as they stood at an instant, out of the history that triggers keep.

A change counts from the beginning of the transaction that made it. Of one row's history the last entry decides, by the
order of writing: a transaction that began earlier may have waited for the row.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.apps import apps
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Exists, Min, Model, OuterRef, QuerySet

from catalog.models import (
    Dataset,
    DatasetOwner,
    DatasetTag,
    Domain,
    DomainSteward,
    Field,
    FieldEdge,
    FieldTag,
    Tag,
)
from governance.models import (
    DatasetGroupGrant,
    DatasetUserGrant,
    Declassification,
    DomainGroupGrant,
    DomainUserGrant,
    HistoryBeginning,
    Policy,
    PolicyVersion,
)
from identity.models import Membership, NamedGroup, User

DELETED: Final = "delete"
_HISTORY: Final[dict[type[Model], str]] = {
    Dataset: "catalog.DatasetNamespaceNameKindDomainDeletedAtEvent",
    DatasetOwner: "catalog.DatasetOwnerEvent",
    DatasetTag: "catalog.DatasetTagEvent",
    Domain: "catalog.DomainEvent",
    DomainSteward: "catalog.DomainStewardEvent",
    Field: "catalog.FieldEvent",
    FieldEdge: "catalog.FieldEdgeEvent",
    FieldTag: "catalog.FieldTagEvent",
    Tag: "catalog.TagEvent",
    DatasetUserGrant: "governance.DatasetUserGrantEvent",
    DatasetGroupGrant: "governance.DatasetGroupGrantEvent",
    DomainUserGrant: "governance.DomainUserGrantEvent",
    DomainGroupGrant: "governance.DomainGroupGrantEvent",
    Declassification: "governance.DeclassificationEvent",
    Policy: "governance.PolicyEvent",
    PolicyVersion: "governance.PolicyVersionEvent",
    Membership: "identity.MembershipEvent",
    NamedGroup: "identity.GroupEvent",
    User: "identity.UserEvent",
}


@dataclass(frozen=True, slots=True)
class Beginning:
    """Of what is before `complete_since` some facts are taken as they were then: names, and lineage by its own dates."""

    installed_at: datetime | None
    complete_since: datetime | None


def history_of(model: type[Model]) -> QuerySet[Any]:
    """All entries of the history of a table."""
    rows: QuerySet[Any] = apps.get_model(_HISTORY[model])._default_manager.all()  # noqa: SLF001  # Django's documented name
    return rows


def as_of(model: type[Model], at: datetime) -> QuerySet[Any]:
    """The rows of a table as they stood at `at`: entries of its history, with the row's key as `pgh_obj_id`."""
    return last_entries(model, at).exclude(pgh_label=DELETED)


def last_entries(model: type[Model], at: datetime) -> QuerySet[Any]:
    """Of each row that there was up to `at` the last entry, which may say that the row is gone."""
    rows = history_of(model)
    later = rows.filter(
        pgh_obj=OuterRef("pgh_obj"), pgh_id__gt=OuterRef("pgh_id"), pgh_created_at__lte=at
    )
    return rows.filter(~Exists(later), pgh_created_at__lte=at)


def beginning() -> Beginning:
    """Since when the history is kept, and since when it is whole."""
    row = HistoryBeginning.objects.first()
    if row is not None:
        return Beginning(row.installed_at, row.complete_since)
    installed = MigrationRecorder.Migration.objects.aggregate(at=Min("applied"))["at"]
    return Beginning(installed, installed)
