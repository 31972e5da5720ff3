"""Who may act on what waits for people: the facts behind `governance.approval`, read set-based for many requests at once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from django.contrib.auth.models import Group
from django.db.models import Model, QuerySet

from core.clock import utc_now
from governance.approval.plan import Asked, Plan, make_plan
from governance.approval.progress import Capacity, Deputy, Situation, Vote, capacities, in_charge
from governance.approval.rules import Kind, Rule, parse_rule
from governance.facts import load_domains, load_facts, load_resources, principal_of
from governance.models import AccessRequest, Delegation, RequestRule
from governance.policy import decide
from governance.policy.anchors import scope_predicate
from governance.policy.attributes import attribute_texts
from governance.policy.types import (
    Action,
    DomainInfo,
    EntityId,
    Facts,
    Principal,
    Resource,
    Subject,
)
from identity.models import User

# Users carry the domains that they work in as an attribute, by slug or path.
DOMAIN_ATTRIBUTE = "domain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """What a panel decides about: a plan, the data that it concerns, and who is too close to it to decide.

    `interested` profit beside the requester. `trusted` may act without the kernel's leave to approve there, and hold the
    place of `owner` where there are any. `is_live` is False for what nobody decides any more.
    """

    plan: Plan
    resource: Resource
    dataset: int | None
    requester: int
    asked_at: datetime
    votes: Sequence[Vote] = ()
    interested: frozenset[int] = frozenset()
    trusted: frozenset[int] = frozenset()
    is_live: bool = True


class Panel:
    """The people around some matters, by primary key, at one instant. Not kept: a right that is gone counts for nothing."""

    def __init__(
        self,
        matters: Mapping[int, Matter],
        *,
        domains: Mapping[EntityId, DomainInfo],
        now: datetime | None = None,
    ) -> None:
        self.now = now or utc_now()
        self.matters = matters
        self.domains = domains
        self.delegations = list(active_delegations(self.now))
        plans = [each.plan for each in matters.values()]
        self.named = _named_groups(plans)
        self.members = self._read_members()
        self.rivals = _rival_groups(plans)
        self._known: dict[int, tuple[Principal, Facts]] = {}

    @classmethod
    def of_requests(
        cls, requests: Iterable[AccessRequest], *, now: datetime | None = None
    ) -> "Panel":
        """The panel of some access requests; a number of queries that does not grow with them."""
        rows, domains = list(requests), load_domains()
        datasets = {each.dataset_id: each.dataset for each in rows}
        resources = load_resources(datasets.values(), domains=domains)
        matters = {
            each.pk: Matter(
                plan=each.plan,
                resource=resources[each.dataset_id],
                dataset=each.dataset_id,
                requester=each.requester_id,
                asked_at=each.created_at,
                votes=votes_of(each),
                is_live=each.dataset.deleted_at is None,
            )
            for each in rows
        }
        return cls(matters, domains=domains, now=now)

    def capacities_of(self, principal: Principal, row: Model) -> list[Capacity]:
        """In which open stages the principal may act on this row, and in whose name."""
        if principal.id not in self._known:
            self._known[principal.id] = principal, load_facts(principal, now=self.now)
        represented = {
            each.person_id for each in self.delegations if each.delegate_id == principal.id
        }
        matter, people = self.matters[row.pk], [principal.id, *represented]
        situation = self.situation(matter, approvers=self._approvers(matter, people))
        return capacities(matter.plan, situation, actor=principal.id)

    def in_charge_of(self, row: Model) -> frozenset[int]:
        """The users who are to be told that the row waits; only those whom the kernel lets approve it."""
        matter = self.matters[row.pk]
        return self._approvers(matter, in_charge(matter.plan, self.situation(matter)))

    def situation(self, matter: Matter, *, approvers: frozenset[int] = frozenset()) -> Situation:
        """What the pure functions are handed."""
        return Situation(
            requester=matter.requester,
            interested=matter.interested,
            asked_at=matter.asked_at,
            now=self.now,
            holders=self._holders(matter),
            approvers=approvers,
            groups=self.rivals,
            deputies=self._deputies(matter),
            votes=matter.votes,
        )

    def _holders(self, matter: Matter) -> dict[str, frozenset[int]]:
        owners = matter.trusted or self._people(matter.resource.owners)
        stewards = self._people(self._stewards(matter.resource))
        holders = {str(Kind.OWNER): owners, str(Kind.STEWARD): stewards}
        holders[str(Kind.APPROVER)] = owners | stewards or self._superusers
        for name, pk in self.named.items():
            holders[f"group:{name}"] = self._people([Subject("group", pk)])
        return holders

    def _stewards(self, resource: Resource) -> frozenset[Subject]:
        return frozenset().union(*(self.domains[each].stewards for each in resource.domain_path))

    def _people(self, subjects: Iterable[Subject]) -> frozenset[int]:
        nobody: frozenset[int] = frozenset()
        return frozenset().union(*(self.members.get(each, nobody) for each in subjects))

    @cached_property
    def _superusers(self) -> frozenset[int]:
        return frozenset(
            User.objects.filter(is_active=True, is_superuser=True).values_list("pk", flat=True)
        )

    def _read_members(self) -> dict[Subject, frozenset[int]]:
        """The active users behind each owner, steward and named group, in two queries."""
        subjects = {Subject("group", pk) for pk in self.named.values()}
        for matter in self.matters.values():
            subjects |= matter.resource.owners | self._stewards(matter.resource)
        users = [each.id for each in subjects if each.kind == "user"]
        active = User.objects.filter(pk__in=users, is_active=True).values_list("pk", flat=True)
        found = {Subject("user", pk): {pk} for pk in active}
        groups = [each.id for each in subjects if each.kind == "group"]
        rows = User.objects.filter(groups__in=groups, is_active=True)
        for pk, group in rows.values_list("pk", "groups"):
            found.setdefault(Subject("group", group), set()).add(pk)
        return {subject: frozenset(people) for subject, people in found.items()}

    def _deputies(self, matter: Matter) -> list[Deputy]:
        path = matter.resource.domain_path
        return [
            Deputy(each.person_id, each.delegate_id)
            for each in self.delegations
            if each.dataset_id in (None, matter.dataset)
            and (each.domain_id is None or each.domain_id in path)
        ]

    def _approvers(self, matter: Matter, people: Iterable[int]) -> frozenset[int]:
        """Of `people` those whom the kernel lets approve, and those who are trusted, with who acts for them."""
        if not matter.is_live:
            return frozenset()
        self._load(people)
        trusted = matter.trusted | {
            each.delegate
            for each in self._deputies(matter)
            if each.person in matter.trusted and each.delegate is not None
        }
        return frozenset(
            each
            for each in people
            if each in self._known and (each in trusted or self._may_approve(each, matter))
        )

    def _may_approve(self, person: int, matter: Matter) -> bool:
        principal, facts = self._known[person]
        return decide(principal, Action.APPROVE, matter.resource, facts).allowed

    def _load(self, people: Iterable[int]) -> None:
        unknown = set(people) - set(self._known)
        for user in User.objects.filter(pk__in=unknown) if unknown else ():
            principal = principal_of(user)
            self._known[user.pk] = principal, load_facts(principal, now=self.now)


def active_delegations(now: datetime) -> QuerySet[Delegation]:
    """Those that hold at `now`."""
    return Delegation.objects.filter(ended_at=None, starts_at__lte=now, ends_at__gt=now)


def votes_of(asked: AccessRequest) -> list[Vote]:
    """The votes on a request, in their order."""
    return [
        Vote(each.stage, each.by_id, each.in_name_of_id, each.agrees, each.at)
        for each in asked.votes.all()
    ]


def plan_for(
    by: Principal,
    resource: Resource,
    *,
    facts: Facts,
    asked: Asked,
) -> Plan:
    """The stages that the rules in force ask of this request."""
    rules = [parse_rule(row.document) for row in RequestRule.objects.filter(retired_at=None)]
    ids = {domain.path: domain.id for domain in facts.domains.values()}
    applying: list[Rule] = []
    is_certain = True
    for rule in rules:
        # A domain that was renamed must not switch its rule off.
        known = all(path in ids for path in rule.scope.domains)
        if not known or scope_predicate(rule.scope, ids).matches(resource):
            is_certain = is_certain and known
            applying.append(rule)
    return make_plan(applying, asked, is_certain=is_certain and by.is_active)


def own_domains(by: Principal) -> frozenset[str]:
    """The domains that the attributes of the principal name."""
    return frozenset(attribute_texts(by.attributes.get(DOMAIN_ATTRIBUTE)))


def domain_names(resource: Resource, facts: Facts) -> frozenset[str]:
    """Slugs and paths of the dataset's domain and of those above it."""
    paths = [facts.domains[each].path for each in resource.domain_path]
    return frozenset([*paths, *(path.rpartition("/")[2] for path in paths)])


def _named_groups(plans: Iterable[Plan]) -> dict[str, int]:
    names = {stage.group for plan in plans for stage in plan.stages if stage.group}
    return dict(Group.objects.filter(name__in=names).values_list("name", "pk")) if names else {}


def _rival_groups(plans: Iterable[Plan]) -> dict[int, frozenset[str]]:
    names = frozenset().union(*(plan.rivals for plan in plans))
    found: dict[int, set[str]] = {}
    if names:
        rows = User.objects.filter(groups__name__in=names)
        for pk, name in rows.values_list("pk", "groups__name"):
            found.setdefault(pk, set()).add(name)
    return {pk: frozenset(each) for pk, each in found.items()}


def actionable(principal: Principal, rows: Iterable[AccessRequest]) -> list[AccessRequest]:
    """Those of `rows` on which the principal may act now."""
    found = list(rows)
    panel = Panel.of_requests(found)
    return [row for row in found if panel.capacities_of(principal, row)]
