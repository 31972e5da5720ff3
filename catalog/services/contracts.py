"""Contracts of datasets: kept version by version, and what of them is taken into the entry."""

import hashlib
import re
from collections.abc import Collection
from typing import Any

import orjson
from django.contrib.auth.models import Group
from django.db import transaction

from catalog.contracts.columns import ContractColumn, columns_of, object_for
from catalog.contracts.drift import PresentColumn, drift_of
from catalog.models import DataContract, Dataset, Field
from catalog.models.tag import TAG_PATTERN
from catalog.services.datasets import add_owner, describe
from catalog.services.fields import describe_field
from catalog.services.tags import tag_dataset, tag_field
from core import audit
from identity.models import User

PARTS = ("descriptions", "tags", "owners")
OWNER_ROLES = ("owner", "data owner")


@transaction.atomic
def put_contract(
    dataset: Dataset, *, document: dict[str, Any], source: str, media_type: str, actor: str
) -> tuple[DataContract, bool]:
    """The version with this document, made if the one in force is another; and whether it was made.

    The caller holds the lock of the dataset's row and has read the document by `read_contract`.
    """
    raw = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    fingerprint = hashlib.sha256(raw).hexdigest()
    last = contract_in_force(dataset)
    if last is not None and last.fingerprint == fingerprint:
        return last, False
    made = DataContract.objects.create(
        dataset=dataset,
        number=last.number + 1 if last else 1,
        document=document,
        source=source,
        media_type=media_type,
        fingerprint=fingerprint,
        actor=actor,
    )
    audit.record(
        actor=actor,
        action="dataset.put_contract",
        resource=dataset.node_id,
        payload={
            "number": made.number,
            "fingerprint": fingerprint,
            "id": str(document["id"]),
            "version": str(document["version"]),
        },
    )
    return made, True


def contract_in_force(dataset: Dataset) -> DataContract | None:
    """The newest version of the dataset's contract."""
    return DataContract.objects.filter(dataset=dataset).order_by("-number").first()


def find_drift(dataset: Dataset, document: dict[str, Any]) -> dict[str, Any]:
    """How the present schema differs from the contract (`catalog.contracts.drift.drift_of`)."""
    present = [
        PresentColumn(each.name, each.type, each.nullable)
        for each in Field.objects.present().filter(dataset=dataset).order_by("ordinal", "pk")
    ]
    return drift_of(document, name=dataset.name, present=present)


@transaction.atomic
def apply_contract(
    dataset: Dataset, *, document: dict[str, Any], parts: Collection[str], actor: str
) -> list[str]:
    """Take the parts of a contract into the entry; what of it the catalog cannot take, in words.

    Nothing is taken away: texts are set where the contract has one, tags and owners are added.
    """
    described = object_for(document, name=dataset.name) or {}
    columns = columns_of(described)
    fields = {each.name: each for each in Field.objects.present().filter(dataset=dataset)}
    left: list[str] = []
    if "descriptions" in parts:
        _apply_descriptions(dataset, document, described, columns, fields, actor=actor)
    if "tags" in parts:
        for name in [*(document.get("tags") or ()), *(described.get("tags") or ())]:
            if _is_tag(name, left):
                tag_dataset(dataset, tag=name, actor=actor)
        for column in columns:
            for name in column.tags if column.name in fields else ():
                if _is_tag(name, left):
                    tag_field(fields[column.name], tag=name, actor=actor)
    if "owners" in parts:
        left += _apply_owners(dataset, document, actor=actor)
    return left


def _apply_descriptions(
    dataset: Dataset,
    document: dict[str, Any],
    described: dict[str, Any],
    columns: Collection[ContractColumn],
    fields: dict[str, Field],
    *,
    actor: str,
) -> None:
    purpose = (document.get("description") or {}).get("purpose")
    text = described.get("description") or purpose
    if text:
        describe(dataset, description=str(text), actor=actor)
    for column in columns:
        if column.description and column.name in fields:
            describe_field(fields[column.name], description=column.description, actor=actor)


def _is_tag(name: str, left: list[str]) -> bool:
    if re.fullmatch(TAG_PATTERN, name) and not name.endswith("\n"):
        return True
    left.append(f"tag `{name[:100]}` is not like `pii.email`")
    return False


def _apply_owners(dataset: Dataset, document: dict[str, Any], *, actor: str) -> list[str]:
    team = document.get("team") or []
    members = team.get("members") or [] if isinstance(team, dict) else team
    left = []
    for each in members:
        if str(each.get("role", "")).lower() not in OWNER_ROLES or each.get("dateOut"):
            continue
        owner = _subject(str(each["username"]))
        if owner is None:
            left.append(f"there is no user or group `{str(each['username'])[:150]}`")
        else:
            add_owner(dataset, owner=owner, actor=actor)
    return left


def _subject(name: str) -> User | Group | None:
    """A user by name, or a group; never by e-mail address, which users say of themselves."""
    return (
        User.objects.filter(username=name, is_active=True).first()
        or Group.objects.filter(name=name).first()
    )
