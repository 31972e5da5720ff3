"""Campaigns of re-certification: who sees them, whose decision a grant waits for, and what is known of its use."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet

from catalog.models import Dataset
from core.clock import utc_now
from core.errors import NotFoundError
from governance.approval.progress import Capacity
from governance.certification.states import WAITING
from governance.certification.suggestion import IDLE, Held, Suggestion, Usage, suggest
from governance.facts import domain_path, load_columns, load_domains, load_facts, load_resources
from governance.models import Campaign, CampaignItem, GrantUse
from governance.panel import Matter, Panel, active_delegations
from governance.policy.types import Action, DomainInfo, EntityId, Facts, Principal, Resource
from governance.queries import (
    administered_domains,
    get_visible_domain,
    require_domain,
    visible_datasets,
    visible_domains,
)
from governance.vocabulary import is_administrator, require_administrator
from identity.models import User

MAX_WAITING = 1_000
MONTH = timedelta(days=30)
_NOBODY = 0  # no user has this primary key


def require_campaigner(principal: Principal, domain: str) -> None:
    """Raise unless the principal may hold campaigns there: who administers the domain, for the whole house administrators.

    PermissionDeniedError; NotFoundError, in the same words, for a domain that is not there or not shown.
    """
    if not domain:
        require_administrator(principal)
        return
    facts = load_facts(principal)
    found = get_visible_domain(principal, domain, facts=facts)
    require_domain(principal, found, facts=facts)


def visible_campaigns(principal: Principal, *, facts: Facts | None = None) -> QuerySet[Campaign]:
    """The campaigns that the principal may hold, newest first."""
    rows = Campaign.objects.select_related("created_by").order_by("-pk")
    if is_administrator(principal):
        return rows
    facts = facts or load_facts(principal)
    mine = administered_domains(principal, facts=facts)
    slugs = {facts.domains[each].path.rpartition("/")[2] for each in mine}
    return rows.filter(domain__in=slugs)


def get_campaign(principal: Principal, uuid: UUID | str) -> Campaign:
    """The campaign of this UUID. NotFoundError, in the same words, where there is none and where it is not shown."""
    try:
        found = visible_campaigns(principal).filter(uuid=UUID(str(uuid))).first()
    except ValueError:
        found = None
    if found is None:
        raise NotFoundError("there is no such campaign")
    return found


def items_of(campaign: Campaign, *, viewer: Principal) -> QuerySet[CampaignItem]:
    """The items that the viewer, who may hold the campaign, may know of; of dropped datasets only administrators."""
    return item_rows().filter(known_items(viewer), campaign=campaign)


def known_items(viewer: Principal, *, path: str = "", facts: Facts | None = None) -> Q:
    """The condition on items that a holder of their campaign may know of them; `path` leads to them, as `items__`."""
    facts = facts or load_facts(viewer)
    datasets = visible_datasets(viewer, action=Action.APPROVE, facts=facts).order_by()
    domains = administered_domains(viewer, facts=facts)
    known = Q(**{f"{path}dataset__in": datasets.values("pk")}) | Q(**{f"{path}domain__in": domains})
    if is_administrator(viewer):
        known |= Q(**{f"{path}dataset": None, f"{path}domain": None})
        known |= Q(**{f"{path}dataset__deleted_at__isnull": False})
    return known


def items_to_certify(principal: Principal) -> QuerySet[CampaignItem]:
    """The items that wait for the principal, whose deadline comes first; of the MAX_WAITING that are due first."""
    if not principal.is_active or not principal.token_allows(Action.APPROVE):
        return CampaignItem.objects.none()
    datasets = visible_datasets(principal, action=Action.APPROVE).order_by()
    represented = active_delegations(utc_now()).filter(delegate=principal.id)
    answering = User.objects.filter(Q(pk=principal.id) | Q(pk__in=represented.values("person")))
    mine = (
        Q(dataset__in=datasets.values("pk"))
        | Q(domain__isnull=False)
        | Q(holder__responsible__in=answering)
        | Q(holder__responsible_group__user__in=answering)
    )
    rows = item_rows().filter(state__in=WAITING).exclude(holder=principal.id)
    keys = rows.filter(mine).order_by().values_list("pk", flat=True).distinct()
    found = list(rows.filter(pk__in=keys).order_by("due_at", "pk")[:MAX_WAITING])
    panel = panel_of(found)
    waiting = [row.pk for row in found if panel.capacities_of(principal, row)]
    return item_rows().filter(pk__in=waiting).order_by("due_at", "pk")


def get_item(principal: Principal, uuid: UUID | str) -> CampaignItem:
    """The item of this UUID, decided or not, for those whose decision it is and who may hold its campaign.

    NotFoundError, in the same words, for everybody else, who holds the grant among them, and where there is none.
    """
    try:
        found = item_rows().filter(uuid=UUID(str(uuid))).first()
    except ValueError:
        found = None
    if found is None or found.holder_id == principal.id or not is_shown(found, principal):
        raise NotFoundError("there is no such item")
    return found


def is_shown(item: CampaignItem, principal: Principal) -> bool:
    """Whether the item is the principal's to decide about, or of a campaign that they may hold and know it in."""
    if capacity_in(principal, item) is not None:
        return True
    held = visible_campaigns(principal).filter(pk=item.campaign_id).first()
    return held is not None and items_of(held, viewer=principal).filter(pk=item.pk).exists()


def capacity_in(principal: Principal, item: CampaignItem) -> Capacity | None:
    """In whose name the principal may decide about the item now."""
    if not principal.token_allows(Action.APPROVE):
        return None
    found = panel_of([item]).capacities_of(principal, item)
    return found[0] if found else None


def item_rows() -> QuerySet[CampaignItem]:
    """Items with all that is told of them."""
    return CampaignItem.objects.select_related(
        "campaign",
        "dataset",
        "domain",
        "holder__responsible",
        "holder_group",
        "decided_by",
        "in_name_of",
    ).order_by("pk")


def panel_of(items: Iterable[CampaignItem]) -> Panel:
    """Who may decide about these items; a number of queries that does not grow with them."""
    rows, domains = list(items), load_domains()
    datasets = {each.dataset_id: each.dataset for each in rows if each.dataset is not None}
    resources = load_resources(datasets.values(), domains=domains)
    members = _members({each.holder_group_id for each in rows if each.holder_group_id})
    responsible = _responsible(rows)
    matters = {
        each.pk: Matter(
            plan=each.plan,
            resource=resources[each.dataset_id]
            if each.dataset_id is not None
            else _domain_as_resource(each.domain_id, domains),
            dataset=each.dataset_id,
            requester=each.holder_id or _NOBODY,
            asked_at=each.created_at,
            interested=members.get(each.holder_group_id, frozenset()),
            trusted=responsible.get(each.holder_id, frozenset()),
            is_live=_is_live(each),
        )
        for each in rows
    }
    return Panel(matters, domains=domains)


@dataclass(frozen=True, slots=True)
class ItemView:
    """An item with what is known of its use. `columns` are those that it reaches, each with its labels.

    Where the viewer may not know the target, `target` says so and there are no columns.
    """

    item: CampaignItem
    target: str
    is_shown: bool
    columns: tuple[tuple[str, tuple[str, ...]], ...]
    usage: Usage
    suggestion: Suggestion


def describe_items(
    items: Iterable[CampaignItem], *, viewer: Principal | None, now: datetime | None = None
) -> list[ItemView]:
    """What the viewer may know of each item, all for None; in the same order, in few queries for all."""
    rows, moment = list(items), now or utc_now()
    shown, domains = _shown_targets(rows, viewer)
    reads = _Reads(rows, now=moment)
    reached = _reached(rows, shown)
    found = []
    for each in rows:
        columns = reached.get(each.pk, ())
        usage, held = reads.usage(each), reads.held(each, columns)
        is_shown = each.dataset_id in shown and each.domain_id in domains
        target = str(each.dataset or each.domain or each.description["target"])
        if not is_shown:
            usage = replace(usage, columns=frozenset())
            held = replace(held, peers=0)
            target = f"a {'domain' if each.domain_id else 'dataset'} that you may not know of"
        advice = suggest(held, usage, now=moment)
        found.append(ItemView(each, target, is_shown, columns, usage, advice))
    return found


def _shown_targets(
    rows: list[CampaignItem], viewer: Principal | None
) -> tuple[set[int | None], set[int | None]]:
    """The datasets and the domains of which the viewer may see what they are; None for no such target."""
    datasets = {each.dataset_id for each in rows}
    domains = {each.domain_id for each in rows}
    if viewer is None:
        return datasets, domains
    facts = load_facts(viewer)
    seen = visible_datasets(viewer, action=Action.VIEW_METADATA, facts=facts)
    known = visible_domains(viewer, facts=facts)
    return (
        {None, *seen.filter(pk__in=datasets - {None}).order_by().values_list("pk", flat=True)},
        {None, *known.filter(pk__in=domains - {None}).order_by().values_list("pk", flat=True)},
    )


class _Reads:
    """The recorded uses of some items' grants, and of the same datasets by the holders' peers; a few queries for all."""

    def __init__(self, rows: list[CampaignItem], *, now: datetime) -> None:
        self.now = now
        self.uses: dict[UUID, list[GrantUse]] = defaultdict(list)
        for use in GrantUse.objects.filter(grant__in=[each.grant for each in rows]):
            self.uses[use.grant].append(use)
        held = {each.holder_group_id for each in rows if each.holder_group_id}
        self.members = _members(held)
        self.peers = _peers({each.holder_id for each in rows if each.holder_id is not None})
        recent = GrantUse.objects.filter(
            dataset__in=[each.dataset_id for each in rows if each.dataset_id is not None],
            last_at__gt=now - IDLE,
        )
        self.active: dict[int, set[int]] = defaultdict(set)
        for dataset, user in recent.values_list("dataset_id", "user_id"):
            self.active[dataset].add(user)

    def usage(self, item: CampaignItem) -> Usage:
        """The use of the item's grant."""
        uses = self.uses[item.grant]
        if not uses:
            return Usage()
        month = (self.now - MONTH).date().isoformat()
        quarter = (self.now - IDLE).date().isoformat()
        counts = [pair for use in uses for pair in use.days.items()]
        return Usage(
            last_at=max(use.last_at for use in uses),
            reads_30=sum(count for day, count in counts if day >= month),
            reads_90=sum(count for day, count in counts if day >= quarter),
            columns=frozenset(
                name for use in uses for name, day in use.columns.items() if day >= quarter
            ),
            readers=len({use.user_id for use in uses}),
        )

    def held(self, item: CampaignItem, columns: tuple[tuple[str, tuple[str, ...]], ...]) -> Held:
        """What a suggestion looks at."""
        peers = self.peers.get(item.holder_id or _NOBODY, frozenset())
        active = self.active.get(item.dataset_id or _NOBODY, set())
        group = item.holder_group_id
        return Held(
            is_read=item.description["action"] == Action.READ,
            is_active=item.holder is None or item.holder.is_active,
            granted_at=item.granted_at,
            columns=tuple(name for name, _ in columns),
            labels=columns,
            peers=0 if item.dataset_id is None else len(peers),
            active_peers=len(peers & active),
            members=None if group is None else len(self.members.get(group, ())),
        )


def _reached(
    rows: list[CampaignItem], shown: set[int | None]
) -> dict[int, tuple[tuple[str, tuple[str, ...]], ...]]:
    """The columns that each grant of `read` on a dataset reaches, with their labels."""
    fields = load_columns(each for each in shown if each is not None)
    found = {}
    for each in rows:
        if each.dataset_id is None or each.dataset_id not in shown:
            continue
        if each.description["action"] != Action.READ:
            continue
        limit = each.description["columns"]
        found[each.pk] = tuple(
            (info.name, tuple(sorted(info.tags)))
            for info in fields.get(each.dataset_id, ())
            if limit is None or info.name in limit
        )
    return found


def _peers(holders: set[int]) -> Mapping[int, frozenset[int]]:
    """The other active people of each holder's groups."""
    through = User.groups.through.objects
    mine: dict[int, set[int]] = defaultdict(set)
    for user, group in through.filter(user__in=holders).values_list("user_id", "group_id"):
        mine[user].add(group)
    members = _members({group for each in mine.values() for group in each})
    return {
        user: frozenset().union(*(members.get(group, frozenset()) for group in groups)) - {user}
        for user, groups in mine.items()
    }


def _members(groups: set[int]) -> dict[int | None, frozenset[int]]:
    """The active people of each group."""
    found: dict[int | None, set[int]] = defaultdict(set)
    rows = User.groups.through.objects.filter(group__in=groups, user__is_active=True)
    for group, user in rows.values_list("group_id", "user_id") if groups else ():
        found[group].add(user)
    return {group: frozenset(people) for group, people in found.items()}


def _responsible(rows: list[CampaignItem]) -> dict[int | None, frozenset[int]]:
    """Who answers for each service account that holds one of the grants: active people only."""
    programs = {each.holder for each in rows if each.holder is not None and each.holder.is_service}
    groups = {each.responsible_group_id for each in programs if each.responsible_group_id}
    members = _members(groups)
    return {
        each.pk: members.get(each.responsible_group_id, frozenset())
        | (
            {each.responsible.pk}
            if each.responsible and each.responsible.is_active
            else frozenset()
        )
        for each in programs
    }


def _domain_as_resource(pk: int | None, domains: Mapping[EntityId, DomainInfo]) -> Resource:
    """A domain as something to approve on: what those who answer for it, or hold `approve` on it, may do."""
    return Resource(
        id=f"domain:{pk}",
        namespace="",
        name="",
        kind="",
        domain_path=domain_path(pk, domains) if pk in domains else (),
    )


def _is_live(item: CampaignItem) -> bool:
    """Whether there is still something to decide about."""
    dataset: Dataset | None = item.dataset
    if dataset is not None:
        return dataset.deleted_at is None
    return item.domain_id is not None
