"""Tags on datasets and fields."""

import re

from django.db import transaction

from catalog.models import Dataset, DatasetTag, Field, FieldTag, Tag
from catalog.models.tag import TAG_PATTERN, TagSource
from catalog.services.search import refresh_search_text
from core import audit
from core.errors import ConflictError, InvalidInputError

MAX_TAG_NAME = 100


def ensure_tag(*, name: str, description: str = "", actor: str = "system") -> Tag:
    """The tag of this name, made if need be; InvalidInputError if the name is not like `pii.email`."""
    if len(name) > MAX_TAG_NAME or not re.fullmatch(TAG_PATTERN, name):
        raise InvalidInputError(
            f"tag `{name[:MAX_TAG_NAME]}` must be lower-case words joined by dots, such as `pii.email`"
        )
    with transaction.atomic():
        tag, created = Tag.objects.get_or_create(name=name, defaults={"description": description})
        if created:
            audit.record(actor=actor, action="tag.create", resource=f"tag:{name}")
    return tag


@transaction.atomic
def tag_dataset(
    dataset: Dataset, *, tag: str, source: str = TagSource.DECLARED, actor: str = "system"
) -> None:
    """Put a tag on the dataset; a second call changes nothing."""
    _, created = DatasetTag.objects.get_or_create(
        dataset=dataset, tag=ensure_tag(name=tag, actor=actor), defaults={"source": source}
    )
    if created:
        _record(dataset, action="dataset.tag", payload={"tag": tag, "source": source}, actor=actor)


@transaction.atomic
def untag_dataset(dataset: Dataset, *, tag: str, actor: str) -> None:
    """Take a tag off the dataset; a second call changes nothing."""
    if DatasetTag.objects.filter(dataset=dataset, tag__name=tag).delete()[0]:
        _record(dataset, action="dataset.untag", payload={"tag": tag}, actor=actor)


@transaction.atomic
def tag_field(
    field: Field, *, tag: str, source: str = TagSource.DECLARED, actor: str = "system"
) -> None:
    """Put a tag on the field; a second call changes nothing."""
    _, created = FieldTag.objects.get_or_create(
        field=field, tag=ensure_tag(name=tag, actor=actor), defaults={"source": source}
    )
    if created:
        payload = {"tag": tag, "source": source, "field": field.name}
        _record(field.dataset, action="field.tag", payload=payload, actor=actor)


@transaction.atomic
def untag_field(field: Field, *, tag: str, actor: str) -> None:
    """Take a tag off the field; a second call changes nothing."""
    if FieldTag.objects.filter(field=field, tag__name=tag).delete()[0]:
        payload = {"tag": tag, "field": field.name}
        _record(field.dataset, action="field.untag", payload=payload, actor=actor)


def _record(dataset: Dataset, *, action: str, payload: dict[str, str], actor: str) -> None:
    audit.record(actor=actor, action=action, resource=dataset.node_id, payload=payload)
    refresh_search_text([dataset.pk])


@transaction.atomic
def describe_tag(tag: Tag, *, description: str, actor: str) -> None:
    """Set what is said of the tag; nothing where it says so already."""
    others = Tag.objects.filter(pk=tag.pk).exclude(description=description)
    if others.update(description=description):
        tag.description = description
        audit.record(
            actor=actor,
            action="tag.describe",
            resource=f"tag:{tag.name}",
            payload={"description": description},
        )


@transaction.atomic
def remove_tag(tag: Tag, *, actor: str) -> None:
    """Take a word out of the vocabulary; ConflictError while anything bears it."""
    if tag.dataset_tags.exists() or tag.field_tags.exists():
        raise ConflictError("the tag is in use; take it off first")
    audit.record(actor=actor, action="tag.remove", resource=f"tag:{tag.name}")
    tag.delete()
