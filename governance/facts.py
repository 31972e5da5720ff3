"""Loading what the kernel is handed: the principal, the facts that may bear on them, and datasets as resources.

Everything is read set-based, in a number of queries that does not grow with the number of rows. Grants are read anew
for each question; policies and domains are kept until the log of changed facts tells of one (`governance.effective`).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol
from uuid import UUID

from django.contrib.contenttypes.models import ContentType
from django.db.models import Q, QuerySet

from catalog.models import Dataset, DatasetOwner, DatasetTag, Domain, DomainSteward, Field, FieldTag
from core.clock import utc_now
from core.errors import ConflictError
from governance.labels import inherited_labels
from governance.models import (
    DatasetGroupGrant,
    DatasetUserGrant,
    DomainGroupGrant,
    DomainUserGrant,
    GrantBase,
    PolicyStatus,
    PolicyVersion,
)
from governance.policy.documents import read_policy
from governance.policy.labels import LabelPaths
from governance.policy.types import (
    Action,
    DomainInfo,
    EntityId,
    Facts,
    FieldInfo,
    Grant,
    Policy,
    Principal,
    Resource,
    Subject,
    Target,
)
from identity.models import User
from identity.models.token import Scope

GRANT_MODELS: tuple[type[GrantBase], ...] = (
    DatasetUserGrant,
    DatasetGroupGrant,
    DomainUserGrant,
    DomainGroupGrant,
)

# guardian permission codenames begin with these; `administer` comes by role only, `trace` by policy only, neither is granted
ACTION_BY_VERB: Mapping[str, Action] = {
    "discover": Action.DISCOVER,
    "view": Action.VIEW_METADATA,
    "read": Action.READ,
    "write": Action.WRITE,
    "manage": Action.MANAGE,
    "approve": Action.APPROVE,
}
VERB_BY_ACTION: Mapping[Action, str] = {action: verb for verb, action in ACTION_BY_VERB.items()}

# What a token with a scope may at most do; sending lineage needs no right on a dataset.
_SCOPE_ACTIONS: Mapping[str, frozenset[Action]] = {
    Scope.READ: frozenset({Action.READ, Action.TRACE}),
    Scope.WRITE: frozenset({Action.WRITE, Action.MANAGE}),
    Scope.LINEAGE: frozenset(),
    Scope.ADMIN: frozenset({Action.ADMINISTER, Action.TRACE}),
}


class DomainRow(Protocol):
    """What is read of a domain, as it is or as it was."""

    slug: str
    parent_id: int | None


class FieldRow(Protocol):
    """What is read of a field, as it is or as it was."""

    pk: Any
    uuid: UUID
    name: str
    type: str
    nullable: bool
    field_id: int | None


def principal_of(
    user: User, *, scopes: Iterable[str] | None = None, purpose: str | None = None
) -> Principal:
    """`user` as the kernel knows them, in one query.

    `scopes` are those of the token that was used; None for a session, which has no such limit. `purpose` is what the
    caller declared.
    """
    groups = dict(user.groups.values_list("pk", "name"))
    actions = (
        None
        if scopes is None
        else frozenset[Action]().union(*(_SCOPE_ACTIONS.get(each, frozenset()) for each in scopes))
    )
    return Principal(
        id=user.pk,
        username=user.get_username(),
        groups=frozenset(groups),
        group_names=frozenset(groups.values()),
        attributes=user.attributes,
        is_superuser=user.is_superuser,
        is_active=user.is_active,
        purpose=purpose,
        actions=actions,
    )


def load_facts(principal: Principal, *, now: datetime | None = None) -> Facts:
    """The grants to the principal, all published policies, and the domain tree, as of now.

    Four queries for the grants; policies and domains are read again only where one of them changed since.
    """
    from governance.effective import shared_facts

    moment = now or utc_now()
    return shared_facts().with_grants(tuple(_load_grants(principal, moment)), now=moment)


def load_policies() -> list[Policy]:
    """The published version of each policy."""
    rows = PolicyVersion.objects.filter(status=PolicyStatus.PUBLISHED).select_related("policy")
    return [as_policy(row) for row in rows]


def as_policy(version: PolicyVersion) -> Policy:
    """A stored version as the kernel reads it; an unreadable one denies everything."""
    return read_policy(
        version.document,
        name=version.policy.name,
        policy_id=version.policy.pk,
        version=version.number,
    )


def load_domains() -> dict[EntityId, DomainInfo]:
    """The whole domain tree with its stewards. Paths are slugs joined by slashes."""
    return domain_tree({row.pk: row for row in Domain.objects.all()}, DomainSteward.objects.all())


def domain_tree(
    rows: Mapping[int, DomainRow], holders: Iterable[DomainSteward]
) -> dict[EntityId, DomainInfo]:
    """The tree that these rows make, by primary key, with those who steward its domains."""
    stewards: dict[int, set[Subject]] = defaultdict(set)
    for holder in holders:
        stewards[holder.domain_id].add(subject_of(holder))
    return {
        pk: DomainInfo(
            id=pk,
            path="/".join(rows[each].slug for each in _domain_chain(pk, rows)),
            parent_id=row.parent_id,
            stewards=frozenset(stewards[pk]),
        )
        for pk, row in rows.items()
    }


def load_resources(
    datasets: Iterable[Dataset], *, domains: Mapping[EntityId, DomainInfo]
) -> dict[int, Resource]:
    """Datasets as resources, by primary key, with owners, tags, fields and inherited labels."""
    rows = {dataset.pk: dataset for dataset in datasets}
    owners: dict[int, set[Subject]] = defaultdict(set)
    for owner in DatasetOwner.objects.filter(dataset__in=rows):
        owners[owner.dataset_id].add(subject_of(owner))
    tags: dict[int, set[str]] = defaultdict(set)
    for key, tag in DatasetTag.objects.filter(dataset__in=rows).values_list(
        "dataset_id", "tag__name"
    ):
        tags[key].add(tag)
    fields = load_columns(rows)
    return {
        pk: Resource(
            id=pk,
            namespace=row.namespace,
            name=row.name,
            kind=row.kind,
            domain_path=domain_path(row.domain_id, domains),
            owners=frozenset(owners[pk]),
            tags=frozenset(tags[pk]),
            fields=fields.get(pk, ()),
        )
        for pk, row in rows.items()
    }


def load_resource(dataset: Dataset, *, domains: Mapping[EntityId, DomainInfo]) -> Resource:
    """One dataset as a resource."""
    return load_resources([dataset], domains=domains)[dataset.pk]


def _load_grants(principal: Principal, now: datetime) -> Iterable[Grant]:
    for model in GRANT_MODELS:
        yield from as_grants(grant_rows(model).filter(held_by(principal, model)), now=now)


def load_grants_on(targets: Iterable[Target], *, now: datetime) -> Iterable[Grant]:
    """The grants in force on these datasets and domains, to whomever; four queries."""
    wanted = tuple(targets)
    for model in GRANT_MODELS:
        kind = "dataset" if model in (DatasetUserGrant, DatasetGroupGrant) else "domain"
        keys = [each.id for each in wanted if each.kind == kind and each.id is not None]
        yield from as_grants(grant_rows(model).filter(content_object__in=keys), now=now)


def as_grants(rows: QuerySet[Any], *, now: datetime) -> Iterable[Grant]:
    """Those of `rows` that hold at `now`, as the kernel reads them; rows of grants, or of their history."""
    actions = {
        (content_type.model, codename): action
        for content_type in ContentType.objects.get_for_models(Dataset, Domain).values()
        for verb, action in ACTION_BY_VERB.items()
        for codename in [f"{verb}_{content_type.model}"]
    }
    in_force = rows.filter(Q(expires_at=None) | Q(expires_at__gt=now))
    for row in in_force.select_related("permission__content_type", "request"):
        permission = row.permission
        action = actions.get((permission.content_type.model, permission.codename))
        if action is not None:
            yield as_grant(row, action=action)


def grant_rows(model: type[GrantBase]) -> QuerySet[Any]:
    """All rows of one of the four grant tables; their common columns are guardian's and have no common type."""
    return model._default_manager.all()  # noqa: SLF001  # Django's documented name for it


def held_by(principal: Principal, model: type[GrantBase]) -> Q:
    """The condition on rows of `model` that the principal, or a group of theirs, holds the grant."""
    if model in (DatasetUserGrant, DomainUserGrant):
        return Q(user=principal.id)
    return Q(group__in=principal.groups)


def as_grant(row: Any, *, action: Action) -> Grant:
    """A stored grant as the kernel reads it. Its id is the UUID, which is unique over the four tables."""
    kind: Literal["dataset", "domain"] = (
        "dataset" if row.permission.content_type.model == "dataset" else "domain"
    )
    return Grant(
        id=row.uuid,
        subject=subject_of(row),
        target=Target(kind, row.content_object_id),
        action=action,
        row_filter=row.row_filter or None,
        columns=None if row.columns is None else frozenset(row.columns),
        purpose=row.purpose or None,
        expires_at=row.expires_at,
        request_id=None if row.request is None else row.request.uuid,
    )


def subject_of(holder: Any) -> Subject:
    """The user or the group that a row names by `user_id` or `group_id`."""
    user_id = getattr(holder, "user_id", None)
    return Subject("group", holder.group_id) if user_id is None else Subject("user", user_id)


def _domain_chain(pk: int | None, rows: Mapping[int, DomainRow]) -> list[int]:
    """From the root to `pk`; a cycle, which only SQL by hand could make, ends it."""
    chain: list[int] = []
    while pk is not None and pk not in chain:
        chain.insert(0, pk)
        pk = rows[pk].parent_id
    return chain


def domain_path(pk: int | None, domains: Mapping[EntityId, DomainInfo]) -> tuple[EntityId, ...]:
    """The ids of the domain and those above it, from the root. ConflictError for one that is not among `domains`."""
    chain: list[EntityId] = []
    key: EntityId = pk
    while key is not None and key not in chain:
        if key not in domains:
            raise ConflictError("the domain tree changed meanwhile: try again")
        chain.insert(0, key)
        key = domains[key].parent_id
    return tuple(chain)


@dataclass(frozen=True, slots=True)
class FieldFacts:
    """Fields as they stand, the tags declared on each, and the labels that each inherits; by primary key."""

    rows: Sequence[Field]
    declared: Mapping[int, set[str]]
    inherited: LabelPaths


def load_fields(datasets: Iterable[int]) -> FieldFacts:
    """What columns are made of, for these datasets (ids)."""
    rows = list(Field.objects.present().filter(dataset__in=datasets))
    tags: dict[int, set[str]] = defaultdict(set)
    declared = FieldTag.objects.filter(field__in=[row.pk for row in rows])
    for key, tag in declared.values_list("field_id", "tag__name"):
        tags[key].add(tag)
    return FieldFacts(rows, tags, inherited_labels([row.pk for row in rows]))


def load_columns(datasets: Iterable[int]) -> dict[int, tuple[FieldInfo, ...]]:
    """The columns of these datasets (ids), with declared and inherited labels."""
    return columns_by_dataset(load_fields(datasets))


def columns_by_dataset(fields: FieldFacts) -> dict[int, tuple[FieldInfo, ...]]:
    """The columns that these fields make, by dataset."""
    by_dataset: dict[int, list[Field]] = defaultdict(list)
    for row in fields.rows:
        by_dataset[row.dataset_id].append(row)
    return {
        dataset: tuple(columns_of(each, fields.declared, fields.inherited))
        for dataset, each in by_dataset.items()
    }


def columns_of(
    rows: Sequence[FieldRow],
    tags: Mapping[int, set[str]],
    inherited: Mapping[EntityId, Mapping[str, tuple[EntityId, ...]]],
) -> Iterable[FieldInfo]:
    """The columns; what is nested in one lends it its labels, since a mask covers a column as a whole."""
    names = {row.name for row in rows}
    parts: dict[str, list[FieldRow]] = defaultdict(list)
    for row in rows:
        parts[column_name(row.name, names)].append(row)
    for row in rows:
        if column_name(row.name, names) != row.name:
            continue
        paths = {
            tag: path
            for part in parts[row.name]
            for tag, path in inherited.get(part.pk, {}).items()
        }
        own = (tag for part in parts[row.name] for tag in tags.get(part.pk, ()))
        yield FieldInfo(
            id=row.field_id if row.field_id is not None else str(row.uuid),
            name=row.name,
            type=row.type,
            tags=frozenset([*own, *paths]),
            required=not row.nullable,
            label_paths=paths,
        )


def column_name(name: str, names: set[str]) -> str:
    """The column that the field `name` is, or is nested in: the shortest of its dotted beginnings that is a field."""
    parts = name.split(".")
    prefixes = (".".join(parts[:length]) for length in range(1, len(parts)))
    return next((prefix for prefix in prefixes if prefix in names), name)
