"""Who may act on requests: the facts behind `governance.approval`, read set-based for many requests at once."""

from collections.abc import Iterable
from datetime import datetime

from django.contrib.auth.models import Group
from django.db.models import QuerySet

from core.clock import utc_now
from governance.approval.plan import Asked, Plan, make_plan
from governance.approval.progress import Capacity, Deputy, Situation, Vote, capacities, in_charge
from governance.approval.rules import Kind, Rule, parse_rule
from governance.facts import load_domains, load_facts, load_resources, principal_of
from governance.models import AccessRequest, Delegation, RequestRule
from governance.policy import decide
from governance.policy.anchors import scope_predicate
from governance.policy.attributes import attribute_texts
from governance.policy.types import Action, Facts, Principal, Resource, Subject
from identity.models import User

# Users carry the domains that they work in as an attribute, by slug or path.
DOMAIN_ATTRIBUTE = "domain"


class Panel:
    """The people around some requests, at one instant. Not kept: a right that is gone counts for nothing."""

    def __init__(self, requests: Iterable[AccessRequest], *, now: datetime | None = None) -> None:
        self.now = now or utc_now()
        self.requests = list(requests)
        self.domains = load_domains()
        datasets = {each.dataset_id: each.dataset for each in self.requests}
        self.resources = load_resources(datasets.values(), domains=self.domains)
        self.plans = {each.pk: each.plan for each in self.requests}
        self.delegations = list(active_delegations(self.now))
        self.named = _named_groups(self.plans.values())
        self.members = self._read_members()
        self.rivals = _rival_groups(self.plans.values())
        self._known: dict[int, tuple[Principal, Facts]] = {}

    def capacities_of(self, principal: Principal, asked: AccessRequest) -> list[Capacity]:
        """In which open stages the principal may act on this request, and in whose name."""
        if principal.id not in self._known:
            self._known[principal.id] = principal, load_facts(principal, now=self.now)
        represented = {
            each.person_id for each in self.delegations if each.delegate_id == principal.id
        }
        people = [principal.id, *represented]
        situation = self.situation(asked, approvers=self._approvers(asked, people))
        return capacities(self.plans[asked.pk], situation, actor=principal.id)

    def in_charge_of(self, asked: AccessRequest) -> frozenset[int]:
        """The users who are to be told that the request waits; only those whom the kernel lets approve it."""
        found = in_charge(self.plans[asked.pk], self.situation(asked))
        return self._approvers(asked, found)

    def situation(
        self, asked: AccessRequest, *, approvers: frozenset[int] = frozenset()
    ) -> Situation:
        """What the pure functions are handed."""
        return Situation(
            requester=asked.requester_id,
            asked_at=asked.created_at,
            now=self.now,
            holders=self._holders(asked),
            approvers=approvers,
            groups=self.rivals,
            deputies=self._deputies(asked),
            votes=votes_of(asked),
        )

    def _holders(self, asked: AccessRequest) -> dict[str, frozenset[int]]:
        resource = self.resources[asked.dataset_id]
        owners = self._people(resource.owners)
        stewards = self._people(self._stewards(resource))
        holders = {str(Kind.OWNER): owners, str(Kind.STEWARD): stewards}
        holders[str(Kind.APPROVER)] = owners | stewards or self._superusers()
        for name, pk in self.named.items():
            holders[f"group:{name}"] = self._people([Subject("group", pk)])
        return holders

    def _stewards(self, resource: Resource) -> frozenset[Subject]:
        return frozenset().union(*(self.domains[each].stewards for each in resource.domain_path))

    def _people(self, subjects: Iterable[Subject]) -> frozenset[int]:
        nobody: frozenset[int] = frozenset()
        return frozenset().union(*(self.members.get(each, nobody) for each in subjects))

    def _superusers(self) -> frozenset[int]:
        return frozenset(
            User.objects.filter(is_active=True, is_superuser=True).values_list("pk", flat=True)
        )

    def _read_members(self) -> dict[Subject, frozenset[int]]:
        """The active users behind each owner, steward and named group, in two queries."""
        subjects = {Subject("group", pk) for pk in self.named.values()}
        for resource in self.resources.values():
            subjects |= resource.owners | self._stewards(resource)
        users = [each.id for each in subjects if each.kind == "user"]
        active = User.objects.filter(pk__in=users, is_active=True).values_list("pk", flat=True)
        found = {Subject("user", pk): {pk} for pk in active}
        groups = [each.id for each in subjects if each.kind == "group"]
        rows = User.objects.filter(groups__in=groups, is_active=True)
        for pk, group in rows.values_list("pk", "groups"):
            found.setdefault(Subject("group", group), set()).add(pk)
        return {subject: frozenset(people) for subject, people in found.items()}

    def _deputies(self, asked: AccessRequest) -> list[Deputy]:
        path = self.resources[asked.dataset_id].domain_path
        return [
            Deputy(each.person_id, each.delegate_id)
            for each in self.delegations
            if each.dataset_id in (None, asked.dataset_id)
            and (each.domain_id is None or each.domain_id in path)
        ]

    def _approvers(self, asked: AccessRequest, people: Iterable[int]) -> frozenset[int]:
        """Of `people` those whom the kernel lets approve; a deleted dataset is nobody's to approve."""
        if asked.dataset.deleted_at is not None:
            return frozenset()
        self._load(people)
        resource = self.resources[asked.dataset_id]
        return frozenset(
            each
            for each in people
            if each in self._known
            and decide(self._known[each][0], Action.APPROVE, resource, self._known[each][1]).allowed
        )

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
    panel = Panel(rows)
    return [row for row in panel.requests if panel.capacities_of(principal, row)]
