"""Which datasets, and of them whose decisions, a draft can alter: all other pairs are the same before and after.

INVARIANT: a decision that differs lies in a touch. Datasets whose own facts change (tags, labels, place) are touched for
everybody; a policy or a grant touches what it applies to, for those whom it may concern; who joins or leaves a group is
touched wherever that group is named.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from django.db.models import Q

from catalog.models import Dataset, Field
from governance.effective.ids import Ids, ids_of, union
from governance.facts import GRANT_MODELS, grant_rows
from governance.models import DatasetGroupGrant, DatasetUserGrant
from governance.policy.anchors import scope_predicate
from governance.policy.predicates import DomainIn, OwnedBy
from governance.policy.types import EntityId, Facts, Grant, Policy, Principal, Subject
from governance.restriction import to_condition
from governance.simulation.draft import Draft
from governance.simulation.people import Person


@dataclass(frozen=True, slots=True)
class Touch:
    """Datasets, and the people (None: all) whose decisions about them may change."""

    datasets: Ids
    people: frozenset[EntityId] | None = None


def find_touches(
    draft: Draft,
    *,
    before: Facts,
    after: Facts,
    people: Collection[Person],
    relabelled: Collection[int],
) -> list[Touch]:
    """What the draft touches; `relabelled` are the fields whose labels it may change."""
    return [
        each
        for each in (
            _of_datasets(draft, relabelled, before),
            *_of_policies(draft, before, after, people),
            *(_of_grant(each, before, people) for each in (*draft.given, *draft.revoked.values())),
            *_of_members(draft, before, after),
        )
        if each.datasets
    ]


def _live(condition: Q) -> Ids:
    rows = Dataset.objects.live().filter(condition).order_by()
    return ids_of(rows.values_list("pk", flat=True))


def _of_datasets(draft: Draft, relabelled: Collection[int], facts: Facts) -> Touch:
    keys = {*draft.placed, *draft.dataset_tags}
    condition = Q(pk__in=keys)
    if relabelled:
        fields = Field.objects.present().filter(pk__in=relabelled)
        condition |= Q(pk__in=fields.values("dataset_id"))
    if draft.parents:
        condition |= to_condition(DomainIn(frozenset(draft.parents)), domains=facts.domains)
    return Touch(_live(condition))


def _of_policies(
    draft: Draft, before: Facts, after: Facts, people: Collection[Person]
) -> Iterator[Touch]:
    ids = {domain.path: domain.id for domain in before.domains.values()}
    for facts in (before, after):
        for policy in facts.policies:
            if policy.name not in draft.policies:
                continue
            everything = policy.error is not None
            scope = Q() if everything else _scope(policy, ids, before)
            whom = None if everything else concerned(policy, people, before=True, after=True)
            yield Touch(_live(scope), whom)


def _scope(policy: Policy, ids: dict[str, EntityId], facts: Facts) -> Q:
    # Datasets that come into the scope by another change of the draft are touched by that.
    return to_condition(scope_predicate(policy.scope, ids), domains=facts.domains)


def concerned(
    policy: Policy, people: Iterable[Person], *, before: bool = False, after: bool = False
) -> frozenset[EntityId]:
    """Whom the policy may concern, as they are before, after, or either, whatever they declare as purpose."""

    def may(principal: Principal) -> bool:
        exempt = policy.exempt
        if exempt is not None and not exempt.purposes and exempt.matches(principal):
            return False
        return policy.subjects.matches(principal)

    return frozenset(
        each.id for each in people if (before and may(each.before)) or (after and may(each.after))
    )


def _of_grant(grant: Grant, facts: Facts, people: Iterable[Person]) -> Touch:
    target = grant.target
    condition = (
        Q(pk=target.id)
        if target.kind == "dataset"
        else to_condition(DomainIn(frozenset({target.id})), domains=facts.domains)
    )
    if grant.subject.kind == "user":
        return Touch(_live(condition), frozenset({grant.subject.id}))
    holders = {
        each.id
        for each in people
        if grant.subject.id in each.before.groups or grant.subject.id in each.after.groups
    }
    return Touch(_live(condition), frozenset(holders))


def _of_members(draft: Draft, before: Facts, after: Facts) -> Iterator[Touch]:
    by_group: dict[EntityId, set[EntityId]] = {}
    for user, marks in draft.members.items():
        for group in marks:
            by_group.setdefault(group, set()).add(user)
    for group, users in by_group.items():
        yield Touch(_reached(group, draft.group_names[group], before, after), frozenset(users))


def _reached(group: EntityId, name: str, before: Facts, after: Facts) -> Ids:
    """The datasets where it matters whether one is in the group: by ownership, stewardship, grant or policy."""
    subject = Subject("group", group)
    domains = {
        each.id
        for facts in (before, after)
        for each in facts.domains.values()
        if subject in each.stewards or subject in each.owners
    }
    datasets: set[EntityId] = set()
    for model in GRANT_MODELS:
        if hasattr(model, "group"):
            on_dataset = model in (DatasetUserGrant, DatasetGroupGrant)
            targets = grant_rows(model).filter(group=group)
            found = targets.values_list("content_object_id", flat=True)
            (datasets if on_dataset else domains).update(found)
    ids = {domain.path: domain.id for domain in before.domains.values()}
    conditions = [
        Q(pk__in=datasets),
        to_condition(OwnedBy(frozenset({subject}), "owner"), domains=before.domains),
        to_condition(DomainIn(frozenset(domains)), domains=before.domains),
        *(_scope(policy, ids, before) for policy in _naming(name, before, after)),
    ]
    return union(_live(each) for each in conditions)


def _naming(group: str, *facts: Facts) -> Iterator[Policy]:
    for each in facts:
        for policy in each.policies:
            named = policy.subjects.groups | (
                policy.exempt.groups if policy.exempt else frozenset()
            )
            if group in named:
                yield policy
