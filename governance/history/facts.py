"""What the kernel is handed about one dataset at an instant, read set-based in a fixed number of queries.

As known then: what the database held. With hindsight: what describes the data (tags, lineage) is taken as it is known
today of that instant; what people did (grants, policies, groups, domains, declassifications) stays as of then, since it
held from when it was done. See docs/decisions/0014.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from catalog.models import Dataset, DatasetOwner, Domain, DomainSteward, Field
from governance.facts import (
    GRANT_MODELS,
    as_grants,
    columns_of,
    domain_path,
    domain_tree,
    subject_of,
)
from governance.history.labels import labels_at
from governance.history.rows import as_of
from governance.history.tags import dataset_tags
from governance.models import (
    DatasetGroupGrant,
    DatasetUserGrant,
    Policy,
    PolicyStatus,
    PolicyVersion,
)
from governance.policy import decide
from governance.policy.decide import missing
from governance.policy.documents import read_policy
from governance.policy.types import (
    Action,
    Decision,
    DomainInfo,
    EntityId,
    Facts,
    FieldInfo,
    Grant,
    Principal,
    Resource,
)
from governance.policy.types import Policy as PolicyValue
from identity.models import Membership, NamedGroup


@dataclass(slots=True)
class PastField:
    """A field as `governance.facts.columns_of` reads it."""

    pk: int
    uuid: Any
    name: str
    type: str
    nullable: bool
    field_id: int | None


@dataclass(frozen=True, slots=True)
class Answer:
    """The kernel's decision by what was known then, and by what is known of then today."""

    then: Decision
    hindsight: Decision

    @property
    def differs(self) -> bool:
        """Whether hindsight would have decided otherwise, in effect, rows, columns or masks."""
        return (self.then.effect, self.then.obligations) != (
            self.hindsight.effect,
            self.hindsight.obligations,
        )


@dataclass(frozen=True)
class Past:
    """One dataset and all that bore on it at `facts.now`. The resources are None where it was not there, or deleted."""

    facts: Facts
    then: Resource | None = None
    hindsight: Resource | None = None

    def decide(self, principal: Principal, action: Action) -> Answer:
        """What the kernel answered, and what it would have answered had it known what is known today."""
        then = self._decide(principal, action, self.then)
        if self.hindsight == self.then:
            return Answer(then, then)
        return Answer(then, self._decide(principal, action, self.hindsight))

    def _decide(self, principal: Principal, action: Action, resource: Resource | None) -> Decision:
        if resource is None:
            return Decision("deny", (missing(action),))
        return decide(principal, action, resource, self.facts)


def load_past(dataset: int, at: datetime) -> Past:
    """The dataset (primary key) with grants, policies and domains as of `at`."""
    domains = domains_at(at)
    facts = Facts(now=at, policies=tuple(policies_at(at)), domains=domains)
    row = as_of(Dataset, at).filter(pgh_obj=dataset, deleted_at=None).first()
    if row is None:
        return Past(facts)
    fields = fields_at(dataset, at)
    base = Resource(
        id=dataset,
        namespace=row.namespace,
        name=row.name,
        kind=row.kind,
        domain_path=domain_path(row.domain_id, domains),
        owners=frozenset(
            subject_of(each) for each in as_of(DatasetOwner, at).filter(dataset=dataset)
        ),
    )
    then, hindsight = (
        _described(base, fields, at=at, hindsight=hindsight) for hindsight in (False, True)
    )
    grants = tuple(_grants_on(base, at))
    return Past(facts.with_grants(grants, now=at), then, then if then == hindsight else hindsight)


def domains_at(at: datetime) -> dict[EntityId, DomainInfo]:
    """The domain tree with its stewards."""
    rows = {row.pgh_obj_id: row for row in as_of(Domain, at)}
    return domain_tree(rows, as_of(DomainSteward, at))


def policies_at(at: datetime) -> Iterable[PolicyValue]:
    """The versions that were published."""
    rows = list(as_of(PolicyVersion, at).filter(status=PolicyStatus.PUBLISHED))
    ids = [row.policy_id for row in rows]
    names = dict(as_of(Policy, at).filter(pgh_obj__in=ids).values_list("pgh_obj_id", "name"))
    for row in sorted(rows, key=lambda row: row.pgh_obj_id):
        yield read_policy(
            row.document, name=names[row.policy_id], policy_id=row.policy_id, version=row.number
        )


def fields_at(dataset: int, at: datetime) -> list[PastField]:
    """The fields that the dataset had, in their order."""
    rows = as_of(Field, at).filter(dataset=dataset, removed_at=None)
    return [
        PastField(row.pgh_obj_id, row.uuid, row.name, row.type, row.nullable, row.field_id)
        for row in rows.order_by("ordinal", "pgh_obj_id")
    ]


def principals_at(
    users: Collection[Any], at: datetime, *, purpose: str | None = None
) -> list[Principal]:
    """These users (rows of their history as of `at`) as the kernel knew them, with their groups of then."""
    keys = [user.pgh_obj_id for user in users]
    groups: dict[int, set[int]] = {key: set() for key in keys}
    for user, group in (
        as_of(Membership, at).filter(user__in=keys).values_list("user_id", "group_id")
    ):
        groups[user].add(group)
    wanted = set[int]().union(*groups.values())
    rows = as_of(NamedGroup, at).filter(pgh_obj__in=wanted)
    names = dict(rows.values_list("pgh_obj_id", "name"))
    return [
        Principal(
            id=user.pgh_obj_id,
            username=user.username,
            groups=frozenset(groups[user.pgh_obj_id]),
            group_names=frozenset(
                names[group] for group in groups[user.pgh_obj_id] if group in names
            ),
            attributes=user.attributes,
            is_superuser=user.is_superuser,
            is_active=user.is_active,
            purpose=purpose,
        )
        for user in users
    ]


def _described(
    base: Resource, fields: list[PastField], *, at: datetime, hindsight: bool
) -> Resource:
    """The dataset with the tags and labels that it and its columns bore."""
    declared, inherited = labels_at([field.pk for field in fields], at=at, hindsight=hindsight)
    columns: tuple[FieldInfo, ...] = tuple(columns_of(fields, declared, inherited))
    return Resource(
        id=base.id,
        namespace=base.namespace,
        name=base.name,
        kind=base.kind,
        domain_path=base.domain_path,
        owners=base.owners,
        tags=dataset_tags(base.id, at=at, hindsight=hindsight),
        fields=columns,
    )


def _grants_on(resource: Resource, at: datetime) -> Iterable[Grant]:
    """The grants that reached the dataset, to whomever."""
    for model in GRANT_MODELS:
        on_dataset = model in (DatasetUserGrant, DatasetGroupGrant)
        targets = [resource.id] if on_dataset else list(resource.domain_path)
        yield from as_grants(as_of(model, at).filter(content_object__in=targets), now=at)
