"""Entries of datasets: making, describing, moving, owning, naming and deleting them."""

from datetime import datetime
from typing import Any

from django.contrib.auth.models import Group
from django.db import transaction

from catalog.models import Dataset, DatasetOwner, DatasetSymlink, Domain
from catalog.models.dataset import DatasetKind, DatasetStructure
from catalog.models.properties import PropertyTarget
from catalog.services.merging import merge_datasets
from catalog.services.properties import load_checks
from catalog.services.search import refresh_search_text
from catalog.services.tags import tag_dataset, tag_field, untag_dataset, untag_field
from catalog.services.versions import record_version
from core import audit
from core.clock import utc_now
from core.errors import ConflictError, InvalidInputError
from identity.models import User

__all__ = [
    "add_owner",
    "add_symlink",
    "delete_dataset",
    "describe",
    "ensure_dataset",
    "move_to_domain",
    "record_version",
    "remove_owner",
    "set_properties",
    "tag_dataset",
    "tag_field",
    "untag_dataset",
    "untag_field",
]

MAX_NAMESPACE = 500
MAX_NAME = 1000
MAX_DESCRIPTION = 100_000


@transaction.atomic
def ensure_dataset(
    *,
    namespace: str,
    name: str,
    kind: str = DatasetKind.TABLE,
    structure: str = DatasetStructure.STRUCTURED,
    media_type: str = "",
    description: str = "",
    domain: Domain | None = None,
    actor: str = "system",
) -> Dataset:
    """Return the dataset of this name, made, brought back from deletion or declared if need be.

    What exists keeps its description and domain; kind, structure and media type are those given here. A
    dataset known under this name only as a symlink is that dataset. Safe to call from many writers at once.
    """
    check_name(namespace, name)
    wanted = {"kind": kind, "structure": structure, "media_type": media_type}
    dataset = _find_for_update(namespace=namespace, name=name)
    if dataset is None:
        made = Dataset.objects.bulk_create(
            [
                Dataset(
                    namespace=namespace,
                    name=name,
                    description=description,
                    domain=domain,
                    declared=True,
                    **wanted,
                )
            ],
            ignore_conflicts=True,
        )
        del made
        dataset = Dataset.objects.select_for_update(no_key=True).get(namespace=namespace, name=name)
        audit.record(actor=actor, action="dataset.create", resource=dataset.node_id, payload=wanted)
        refresh_search_text([dataset.pk])
        return dataset
    changes: dict[str, Any] = {**wanted, "declared": True, "deleted_at": None}
    if description and not dataset.description:
        changes["description"] = description
    if domain is not None and dataset.domain_id is None:
        changes["domain"] = domain
    _save_changes(dataset, changes=changes, action="dataset.declare", actor=actor)
    return dataset


def check_name(namespace: str, name: str) -> None:
    """Raise InvalidInputError unless both parts of a dataset's name are present and short enough."""
    if not 0 < len(namespace) <= MAX_NAMESPACE:
        raise InvalidInputError(f"`namespace` must have 1 to {MAX_NAMESPACE} characters")
    if not 0 < len(name) <= MAX_NAME:
        raise InvalidInputError(f"`name` must have 1 to {MAX_NAME} characters")


@transaction.atomic
def describe(dataset: Dataset, *, description: str, actor: str) -> None:
    """Set the description."""
    if len(description) > MAX_DESCRIPTION:
        raise InvalidInputError(f"`description` has at most {MAX_DESCRIPTION} characters")
    _save_changes(
        dataset, changes={"description": description}, action="dataset.describe", actor=actor
    )


@transaction.atomic
def move_to_domain(dataset: Dataset, *, domain: Domain | None, actor: str) -> None:
    """Put the dataset into `domain`: from now on grants there hold, and those of the former do not."""
    _save_changes(dataset, changes={"domain": domain}, action="dataset.move", actor=actor)


@transaction.atomic
def set_properties(dataset: Dataset, *, properties: dict[str, Any], actor: str) -> None:
    """Replace the custom properties (a JSON object of at most 100 kB); each fits its declared schema."""
    if not isinstance(properties, dict):
        raise InvalidInputError("`properties` must be an object")
    load_checks(PropertyTarget.DATASET).check(properties, former=dataset.properties)
    _save_changes(
        dataset, changes={"properties": properties}, action="dataset.set_properties", actor=actor
    )


@transaction.atomic
def add_owner(dataset: Dataset, *, owner: User | Group, actor: str = "system") -> None:
    """Make a user or a group an owner; a second call changes nothing."""
    subject: dict[str, Any] = {"group": owner} if isinstance(owner, Group) else {"user": owner}
    _, created = DatasetOwner.objects.get_or_create(
        dataset=dataset, **{"user": None, "group": None, **subject}
    )
    if created:
        audit.record(
            actor=actor,
            action="dataset.add_owner",
            resource=dataset.node_id,
            payload={"owner": str(owner), "kind": next(iter(subject))},
            about=[owner.username] if isinstance(owner, User) else [],
        )
        refresh_search_text([dataset.pk])


@transaction.atomic
def remove_owner(dataset: Dataset, *, owner: User | Group, actor: str) -> None:
    """Take ownership away; a second call changes nothing. The searched words follow by trigger (migration 0013)."""
    subject: dict[str, Any] = {"group": owner} if isinstance(owner, Group) else {"user": owner}
    removed, _ = DatasetOwner.objects.filter(dataset=dataset, **subject).delete()
    if removed:
        audit.record(
            actor=actor,
            action="dataset.remove_owner",
            resource=dataset.node_id,
            payload={"owner": str(owner), "kind": next(iter(subject))},
            about=[owner.username] if isinstance(owner, User) else [],
        )


@transaction.atomic
def add_symlink(
    dataset: Dataset,
    *,
    namespace: str,
    name: str,
    type: str = "",  # noqa: A002 - OpenLineage's word for it
    actor: str = "system",
) -> None:
    """Give the dataset another name, under which lineage events may know it.

    A dataset that events alone have made under that name becomes one with this one. ConflictError if the
    name belongs to another declared dataset.
    """
    check_name(namespace, name)
    other = _find_for_update(namespace=namespace, name=name)
    if other is not None and other.pk != dataset.pk:
        if other.declared:
            raise ConflictError(f"`{namespace}:{name}` is the name of another dataset")
        merge_datasets(source=other, target=dataset, actor=actor)
    elif other is not None:
        return
    _, created = DatasetSymlink.objects.get_or_create(
        namespace=namespace, name=name, defaults={"dataset": dataset, "type": type}
    )
    if created:
        audit.record(
            actor=actor,
            action="dataset.add_symlink",
            resource=dataset.node_id,
            payload={"namespace": namespace, "name": name, "type": type},
        )
    refresh_search_text([dataset.pk])


@transaction.atomic
def delete_dataset(dataset: Dataset, *, actor: str, at: datetime | None = None) -> None:
    """Mark the entry deleted. Its history, versions and edges stay; the same name brings it back."""
    _save_changes(
        dataset, changes={"deleted_at": at or utc_now()}, action="dataset.delete", actor=actor
    )


def find_dataset(*, namespace: str, name: str) -> Dataset | None:
    """The dataset of this name, be it its own or a symlink; deleted ones too."""
    return (
        Dataset.objects.filter(namespace=namespace, name=name).first()
        or Dataset.objects.filter(symlinks__namespace=namespace, symlinks__name=name).first()
    )


def _find_for_update(*, namespace: str, name: str) -> Dataset | None:
    found = find_dataset(namespace=namespace, name=name)
    if found is None:
        return None
    return Dataset.objects.select_for_update(no_key=True).get(pk=found.pk)


def _save_changes(dataset: Dataset, *, changes: dict[str, Any], action: str, actor: str) -> None:
    """Write what differs, with its audit record and search text; nothing when nothing differs."""
    differing = {key: value for key, value in changes.items() if getattr(dataset, key) != value}
    if not differing:
        return
    for key, value in differing.items():
        setattr(dataset, key, value)
    dataset.save(update_fields=[*differing, "updated_at"])
    audit.record(
        actor=actor,
        action=action,
        resource=dataset.node_id,
        payload={key: _plain(value) for key, value in differing.items()},
    )
    refresh_search_text([dataset.pk])


def _plain(value: Any) -> Any:
    """`value` as JSON knows it."""
    return value if isinstance(value, str | int | bool | dict | None) else str(value)
