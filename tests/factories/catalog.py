"""Datasets with fields, domains, tags, jobs: rows straight into the database."""

import itertools

from django.contrib.auth.models import Group

from catalog.models import (
    Dataset,
    DatasetOwner,
    DatasetTag,
    Domain,
    DomainSteward,
    Field,
    FieldTag,
    Job,
    Tag,
)
from catalog.services.search import refresh_search_text
from identity.models import User

_numbers = itertools.count(1)


def _subject(who: User | Group) -> dict:
    return {"group": who} if isinstance(who, Group) else {"user": who}


def make_domain(name: str | None = None, *, parent=None, stewards=(), **kwargs) -> Domain:
    number = next(_numbers)
    domain = Domain.objects.create(
        name=name or f"Domain {number}",
        slug=(name or f"domain-{number}").lower().replace(" ", "-"),
        parent=parent,
        **kwargs,
    )
    for who in stewards:
        DomainSteward.objects.create(domain=domain, **_subject(who))
    return domain


def make_dataset(name: str | None = None, *, fields=(), owners=(), tags=(), **kwargs) -> Dataset:
    """`fields` is a sequence of names or (name, type) or (name, type, [tags])."""
    kwargs.setdefault("namespace", "lakewarden")
    dataset = Dataset.objects.create(name=name or f"raw.table{next(_numbers)}", **kwargs)
    for ordinal, spec in enumerate(fields):
        field_name, type_, field_tags = ((spec,) if isinstance(spec, str) else tuple(spec)) + (
            "string",
            (),
        )[len((spec,) if isinstance(spec, str) else spec) - 1 :]
        field = Field.objects.create(
            dataset=dataset, name=field_name, type=type_, ordinal=ordinal, field_id=ordinal + 1
        )
        for tag in field_tags:
            FieldTag.objects.create(field=field, tag=make_tag(tag))
    for who in owners:
        DatasetOwner.objects.create(dataset=dataset, **_subject(who))
    for tag in tags:
        DatasetTag.objects.create(dataset=dataset, tag=make_tag(tag))
    refresh_search_text([dataset.pk])
    return dataset


def make_tag(name: str | None = None) -> Tag:
    return Tag.objects.get_or_create(name=name or f"tag{next(_numbers)}")[0]


def make_job(name: str | None = None, *, namespace: str = "jobs") -> Job:
    return Job.objects.create(namespace=namespace, name=name or f"job{next(_numbers)}")
