"""Rows of inline forms, each added and removed by its service, so that it is recorded and searchable."""

from typing import Any

from django.contrib.auth.models import Group
from django.http import HttpRequest

from catalog.models import (
    DataProductOwner,
    DataProductPort,
    DatasetOwner,
    DatasetTag,
    DatasetTerm,
    DomainSteward,
    FieldTag,
    FieldTerm,
)
from catalog.services import datasets as dataset_services
from catalog.services.domains import add_steward
from catalog.services.glossary import link_dataset, link_field, unlink_dataset, unlink_field
from catalog.services.products import (
    add_port,
    add_product_owner,
    remove_port,
    remove_product_owner,
)
from catalog.services.tags import tag_dataset, tag_field, untag_dataset, untag_field
from core.errors import InvalidInputError
from governance.services.grants import require_other_owner
from identity.models import User
from web.access import current_user, viewer_of
from web.admin.base import record_change


def save_rows(request: HttpRequest, formset: Any) -> None:
    """Carry out what an inline form asks for."""
    actor = current_user(request).username
    formset.save(commit=False)
    for row in formset.deleted_objects:
        _remove_row(request, row, actor=actor)
    for row in formset.new_objects:
        if isinstance(row, DatasetOwner):
            require_other_owner(viewer_of(request).principal, row.dataset, _subject(row))
        _add_row(row, actor=actor)
    for row, changed in formset.changed_objects:
        row.save(update_fields=changed)
        record_change(request, row, "update", changed=changed)


def _add_row(row: Any, *, actor: str) -> None:
    match row:
        case DatasetTag():
            tag_dataset(row.dataset, tag=row.tag.name, actor=actor)
        case FieldTag():
            tag_field(row.field, tag=row.tag.name, actor=actor)
        case DatasetOwner():
            dataset_services.add_owner(row.dataset, owner=_subject(row), actor=actor)
        case DatasetTerm():
            link_dataset(row.dataset, term=row.term, actor=actor)
        case FieldTerm():
            link_field(row.field, term=row.term, actor=actor)
        case DataProductOwner():
            add_product_owner(row.product, owner=_subject(row), actor=actor)
        case DataProductPort():
            add_port(row.product, dataset=row.dataset, direction=row.direction, actor=actor)
        case DomainSteward():
            add_steward(row.domain, steward=_subject(row), actor=actor)


def _remove_row(request: HttpRequest, row: Any, *, actor: str) -> None:
    match row:
        case DatasetTag():
            untag_dataset(row.dataset, tag=row.tag.name, actor=actor)
        case FieldTag():
            untag_field(row.field, tag=row.tag.name, actor=actor)
        case DatasetOwner():
            dataset_services.remove_owner(row.dataset, owner=_subject(row), actor=actor)
        case DatasetTerm():
            unlink_dataset(row.dataset, term=row.term, actor=actor)
        case FieldTerm():
            unlink_field(row.field, term=row.term, actor=actor)
        case DataProductOwner():
            remove_product_owner(row.product, owner=_subject(row), actor=actor)
        case DataProductPort():
            remove_port(row.product, dataset=row.dataset, direction=row.direction, actor=actor)
        case DomainSteward():
            record_change(request, row, "delete")
            row.delete()


def _subject(row: DataProductOwner | DatasetOwner | DomainSteward) -> User | Group:
    """The user or the group; the form saw to it that it is one of them."""
    subject = row.user or row.group
    if subject is None:
        raise InvalidInputError("choose a user or a group")
    return subject
