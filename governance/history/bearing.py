"""Which rows of history bear on what may be done with a dataset, or what one user may do with it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Model, Q, QuerySet

from catalog.models import (
    Dataset,
    DatasetOwner,
    DatasetTag,
    Domain,
    DomainSteward,
    Field,
    FieldEdge,
    FieldTag,
)
from governance.facts import GRANT_MODELS
from governance.history.facts import Past, load_past
from governance.history.labels import carrying_edges
from governance.history.rows import history_of
from governance.models import (
    DatasetGroupGrant,
    DatasetUserGrant,
    Declassification,
    DomainUserGrant,
    PolicyVersion,
)
from governance.policy.anchors import scope_predicate
from governance.policy.documents import read_policy
from governance.policy.types import Policy
from identity.models import Membership, NamedGroup, User


@dataclass(frozen=True, slots=True)
class Source:
    """A table of history, narrowed to what bears on the question."""

    kind: str
    rows: QuerySet[Any]


def bearing_sources(
    dataset: int,
    *,
    since: datetime,
    until: datetime,
    user: int | None = None,
    within: QuerySet[Any] | None = None,
) -> list[Source]:
    """What to read of each table, in a fixed order. With `user`, of grants and groups only theirs.

    `within` are the fields (ids) that the asker may know of: no other is spoken of, and no group that only policies name.
    """
    ends = [load_past(dataset, since), load_past(dataset, until)]
    own = set(history_of(Field).filter(dataset=dataset).values_list("pgh_obj_id", flat=True))
    fields = own | _upstream(own, (since, until), within)
    domains = _domains(dataset)
    groups = _groups_of(user) if user is not None else None
    policies = _bearing_policies(ends)
    sources = [
        Source("dataset", history_of(Dataset).filter(pgh_obj=dataset)),
        Source("domain", history_of(Domain).filter(pgh_obj__in=domains)),
        Source("field", history_of(Field).filter(dataset=dataset)),
        Source("dataset tag", history_of(DatasetTag).filter(dataset=dataset)),
        Source("field tag", history_of(FieldTag).filter(field__in=fields)),
        Source("lineage", _derived(FieldEdge, fields, own, within).exclude(type="INDIRECT")),
        Source("declassification", _derived(Declassification, fields, own, within)),
        Source("policy", _versions(policies)),
    ]
    held = list(_holdings(dataset, domains, user=user, groups=groups))
    if user is not None:
        return [*sources, *held, *_own_history(user)]
    return [*sources, *held, *_people(held, policies if within is None else [])]


def _upstream(own: set[int], moments: Iterable[datetime], within: QuerySet[Any] | None) -> set[int]:
    """The fields that labels came from to these at one of the moments, as far as the asker knows of the whole way."""
    edges = {
        edge
        for at in moments
        for hindsight in (False, True)
        for edge in carrying_edges(own, at=at, hindsight=hindsight)
    }
    known = {edge.source for edge in edges}
    if within is not None:
        known = set(within.filter(pk__in=known).values_list("pk", flat=True)) | own
    sources: dict[int, set[int]] = {}
    for edge in edges:
        if edge.source in known:
            sources.setdefault(edge.target, set()).add(edge.source)
    found: set[int] = set()
    waiting = list(own)
    while waiting:
        fresh = sources.get(waiting.pop(), set()) - found
        found |= fresh
        waiting += fresh
    return found


def _derived(
    model: type[Model], fields: set[int], own: set[int], within: QuerySet[Any] | None
) -> QuerySet[Any]:
    rows = history_of(model).filter(target__in=fields)
    return rows if within is None else rows.filter(Q(source__in=within) | Q(source__in=own))


def _domains(dataset: int) -> set[int]:
    """The domains that the dataset was ever in, and all that were ever above one of them."""
    parents: dict[int, set[int]] = {}
    for domain, parent in history_of(Domain).values_list("pgh_obj_id", "parent_id"):
        parents.setdefault(domain, set()).add(parent)
    found: set[int] = set()
    waiting = list(history_of(Dataset).filter(pgh_obj=dataset).values_list("domain_id", flat=True))
    while waiting:
        domain = waiting.pop()
        if domain is not None and domain not in found:
            found.add(domain)
            waiting += parents.get(domain, ())
    return found


def _groups_of(user: int) -> set[int]:
    """The groups that the user was ever in."""
    return set(history_of(Membership).filter(user=user).values_list("group_id", flat=True))


def _holdings(
    dataset: int, domains: set[int], *, user: int | None, groups: set[int] | None
) -> Iterable[Source]:
    """Grants, owners and stewards."""
    for model in GRANT_MODELS:
        on_dataset = model in (DatasetUserGrant, DatasetGroupGrant)
        column = "user" if model in (DatasetUserGrant, DomainUserGrant) else "group"
        rows = history_of(model).filter(content_object__in=[dataset] if on_dataset else domains)
        if user is not None:
            rows = rows.filter(**{f"{column}__in": [user] if column == "user" else groups})
        yield Source("grant", rows)
    yield Source("owner", _theirs(history_of(DatasetOwner).filter(dataset=dataset), user, groups))
    yield Source(
        "steward", _theirs(history_of(DomainSteward).filter(domain__in=domains), user, groups)
    )


def _theirs(rows: QuerySet[Any], user: int | None, groups: set[int] | None) -> QuerySet[Any]:
    return rows if user is None else rows.filter(Q(user=user) | Q(group__in=groups))


def _bearing_policies(ends: list[Past]) -> list[Policy]:
    """The versions whose scope meets the dataset as it was at either end; those that cannot be read meet all."""
    resources = [each for past in ends for each in (past.then, past.hindsight) if each is not None]
    ids = {domain.path: domain.id for past in ends for domain in past.facts.domains.values()}
    rows = history_of(PolicyVersion).order_by("policy_id", "number", "-pgh_id")
    found = []
    for row in rows.distinct("policy_id", "number"):
        policy = read_policy(row.document, name="", policy_id=row.policy_id, version=row.number)
        scope = scope_predicate(policy.scope, ids)
        if policy.error is not None or any(scope.matches(each) for each in resources):
            found.append(policy)
    return found


def _versions(policies: list[Policy]) -> QuerySet[Any]:
    rows = history_of(PolicyVersion)
    condition = Q(pk__in=[])
    for each in policies:
        condition |= Q(policy=each.id, number=each.version)
    return rows.filter(condition)


def _own_history(user: int) -> list[Source]:
    return [
        Source("user", history_of(User).filter(pgh_obj=user)),
        Source("membership", history_of(Membership).filter(user=user)),
    ]


def _people(held: list[Source], policies: list[Policy]) -> list[Source]:
    """The users and groups that ever held something here, or that a policy names, and the members of these groups."""
    users, groups = _ever(held, "user_id"), _ever(held, "group_id")
    matches = [match for policy in policies for match in (policy.subjects, policy.exempt) if match]
    names = {name for match in matches for name in match.groups}
    groups |= set(
        history_of(NamedGroup).filter(name__in=names).values_list("pgh_obj_id", flat=True)
    )
    members = history_of(Membership).filter(group__in=groups)
    concerned = Q(pgh_obj__in=users) | Q(pgh_obj__in=members.values("user_id"))
    return [
        Source("user", history_of(User).filter(concerned)),
        Source("membership", members),
    ]


def _ever(held: list[Source], column: str) -> set[int]:
    found: set[int] = set()
    for source in held:
        if any(each.attname == column for each in source.rows.model._meta.concrete_fields):  # noqa: SLF001  # Django's documented name
            found.update(source.rows.exclude(**{column: None}).values_list(column, flat=True))
    return found
