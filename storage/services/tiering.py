"""Tier policies, the plans that follow from them, and the runs that carry plans out."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Max

from catalog.models import Dataset
from catalog.models.dataset import DatasetKind
from core import audit
from core.clock import utc_now
from core.errors import InvalidInputError, LakewardenError, NotFoundError
from core.ids import uuid7
from core.jobs import enqueue
from governance.holds import describe_holds, holds_on, terms_of
from governance.policy.types import Action
from governance.queries import principal_of, require
from governance.retention.precedence import Act, What, choose_act
from identity.models import User
from storage.models import (
    CollectionObject,
    DataFile,
    IcebergTable,
    Movement,
    Tier,
    TieringRun,
    TierPolicy,
)
from storage.models.movement import BEFORE_SWITCH
from storage.queries import NotTierableError
from storage.services.collections import COLLECTIONS_PREFIX
from storage.services.files import sync_table_files
from storage.services.journal import QUEUE, RUN_TASK
from storage.tables.locations import relative_path, storage_roots
from storage.tiering.cost import (
    DAYS_A_MONTH,
    PlanCost,
    StoredBytes,
    TierPrice,
    plan_cost,
)
from storage.tiering.plan import PlacedFile, PlannedMove, Rule, plan_moves, read_condition

logger = structlog.get_logger(__name__)

MOVEMENTS_A_TASK = 50
DEFAULT_GRACE_SECONDS = 300
MAX_GRACE_SECONDS = 7 * 24 * 3600
SECONDS_A_DAY = 86_400
CENTS = Decimal("0.00000001")
_MOVED_PREFIX = re.compile(r"\A[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}_")


@dataclass(frozen=True, kw_only=True)
class TieringPlan:
    """What the dataset's policies ask for now, and what it costs."""

    dataset: Dataset
    files: tuple[PlacedFile, ...]
    moves: tuple[PlannedMove, ...]
    cost: PlanCost

    def as_report(self) -> dict[str, Any]:
        """The plan as JSON: files and bytes a tier before and after, amounts in US dollars as text."""
        targets = {move.file.id: move.target for move in self.moves}
        before = _by_tier((each.tier, each.size) for each in self.files)
        after = _by_tier((targets.get(each.id, each.tier), each.size) for each in self.files)
        break_even = self.cost.months_to_break_even
        return {
            "files": len(self.files),
            "bytes": sum(each.size for each in self.files),
            "moves": len(self.moves),
            "bytes_to_move": sum(move.file.size for move in self.moves),
            "tiers": {"before": before, "after": after},
            "cost": {
                "currency": "USD",
                "before_a_month": _monthly(self.cost.before),
                "after_a_month": _monthly(self.cost.after),
                "move_once": _usd(self.cost.once),
                "saved_a_month": _usd(self.cost.saved_a_month),
                "months_to_break_even": None if break_even is None else f"{break_even:.2f}",
            },
        }


def plan_tiering(dataset: Dataset, *, now: datetime | None = None) -> TieringPlan:
    """What the enabled policies of `dataset` ask for. Raises NotTierableError."""
    now = now or utc_now()
    rules = [
        Rule(id=policy.pk, condition=read_condition(policy.condition), target=policy.target.name)
        for policy in dataset.tier_policies.filter(enabled=True).select_related("target")
    ]
    files = tuple(_placed_files(dataset))
    moves = tuple(_unopposed(dataset, plan_moves(files, rules, now=now), now))
    targets = {move.file.id: move.target for move in moves}
    held_since = _held_since(dataset)
    stored = [
        (
            _stored(each, held_since.get(each.uri, each.added_at), now),
            targets.get(each.id, each.tier),
        )
        for each in files
    ]
    return TieringPlan(dataset=dataset, files=files, moves=moves, cost=plan_cost(stored, _prices()))


def _unopposed(
    dataset: Dataset, moves: Iterable[PlannedMove], now: datetime
) -> Iterator[PlannedMove]:
    """Without what is held, and without objects whose time is over: hold beats retention beats tiering."""
    holds = describe_holds(holds_on(dataset))
    terms = [each for each in terms_of(dataset) if each.what == What.OBJECTS]
    for move in moves:
        age = now - move.file.added_at
        if choose_act(holds=holds, terms=terms, age=age, tier_wants_it=True) == Act.MOVE:
            yield move


def request_tiering(
    *,
    user: User,
    dataset: Dataset,
    dry_run: bool,
    grace_seconds: int = DEFAULT_GRACE_SECONDS,
) -> TieringRun:
    """Plan and, unless `dry_run`, start moving; the workers carry it on. Needs `manage` on the dataset.

    Raises PermissionDeniedError, NotFoundError, NotTierableError, InvalidInputError.
    """
    require(principal_of(user), Action.MANAGE, dataset)
    return start_tiering(
        dataset=dataset, dry_run=dry_run, grace_seconds=grace_seconds, requested_by=user
    )


def start_tiering(
    *,
    dataset: Dataset,
    dry_run: bool = False,
    grace_seconds: int = DEFAULT_GRACE_SECONDS,
    requested_by: User | None = None,
) -> TieringRun:
    """As `request_tiering`, for the service itself: it decides no permission."""
    if not 0 <= grace_seconds <= MAX_GRACE_SECONDS:
        raise InvalidInputError(f"`grace_seconds` must be from 0 to {MAX_GRACE_SECONDS}")
    plan = plan_tiering(dataset)
    with transaction.atomic():
        run = TieringRun.objects.create(
            dataset=dataset, requested_by=requested_by, dry_run=dry_run, report=plan.as_report()
        )
        ids = [] if dry_run else _insert_movements(plan, run, grace_seconds)
        audit.record(
            actor=requested_by.username if requested_by else "system",
            action="tiering.plan" if dry_run else "tiering.start",
            resource=dataset.node_id,
            payload={"run": str(run.uuid), "movements": len(ids), "report": run.report},
        )
        for start in range(0, len(ids), MOVEMENTS_A_TASK):
            batch = ids[start : start + MOVEMENTS_A_TASK]
            enqueue(RUN_TASK, queue=QUEUE, movement_ids=batch)
    return run


def apply_tier_policies() -> int:
    """Start what the enabled policies of every live dataset ask for now; return how many movements.

    A dataset whose plan fails is logged and left for the next time; the others go on.
    """
    started = 0
    datasets = Dataset.objects.live().filter(tier_policies__enabled=True).distinct()
    for dataset in datasets.order_by("pk"):
        try:
            started += start_tiering(dataset=dataset).movements.count()
        except LakewardenError as error:
            logger.warning("tiering failed", dataset=str(dataset), error=error.message)
    return started


def create_tier_policy(
    *, user: User, dataset: Dataset, condition: Any, target: str, enabled: bool = True
) -> TierPolicy:
    """Add a policy. Needs `manage`; raises TierConditionError, NotFoundError for an unknown tier."""
    require(principal_of(user), Action.MANAGE, dataset)
    _check_tierable(dataset)
    read_condition(condition)
    with transaction.atomic():
        policy = TierPolicy.objects.create(
            dataset=dataset, condition=condition, target=_get_tier(target), enabled=enabled
        )
        _audit_policy(user, "tier_policy.create", policy)
    return policy


def update_tier_policy(
    *,
    user: User,
    policy: TierPolicy,
    condition: Any = None,
    target: str | None = None,
    enabled: bool | None = None,
) -> TierPolicy:
    """Change what is given. Needs `manage`; errors are those of `create_tier_policy`."""
    require(principal_of(user), Action.MANAGE, policy.dataset)
    if condition is not None:
        read_condition(condition)
        policy.condition = condition
    if target is not None:
        policy.target = _get_tier(target)
    if enabled is not None:
        policy.enabled = enabled
    with transaction.atomic():
        policy.save()
        _audit_policy(user, "tier_policy.update", policy)
    return policy


def delete_tier_policy(*, user: User, policy: TierPolicy) -> None:
    """Remove a policy; movements under way go on. Needs `manage`."""
    require(principal_of(user), Action.MANAGE, policy.dataset)
    with transaction.atomic():
        _audit_policy(user, "tier_policy.delete", policy)
        policy.delete()


def _audit_policy(user: User, action: str, policy: TierPolicy) -> None:
    audit.record(
        actor=user.username,
        action=action,
        resource=policy.dataset.node_id,
        payload={
            "policy": str(policy.uuid),
            "condition": policy.condition,
            "target": policy.target.name,
            "enabled": policy.enabled,
        },
    )


def _get_tier(name: str) -> Tier:
    tier = Tier.objects.filter(name=name).first()
    if tier is None:
        raise NotFoundError(f"there is no tier `{name}`")
    return tier


def _check_tierable(dataset: Dataset) -> None:
    if dataset.kind != DatasetKind.COLLECTION and not hasattr(dataset, "iceberg_table"):
        raise NotTierableError("only tables and object collections have bytes that can be moved")


def _placed_files(dataset: Dataset) -> Iterable[PlacedFile]:
    _check_tierable(dataset)
    if dataset.kind == DatasetKind.COLLECTION:
        yield from _placed_objects(dataset)
        return
    table = dataset.iceberg_table
    if table.files_snapshot_id != table.current_snapshot_id:
        sync_table_files(table)
    for row in DataFile.objects.filter(table=table).select_related("tier"):
        yield PlacedFile(
            id=row.pk,
            uri=row.path,
            size=row.size,
            tier=row.tier.name,
            added_at=row.added_at,
            last_read_at=row.last_read_at,
            reads=row.reads,
            partition=row.partition,
        )


def _placed_objects(dataset: Dataset) -> Iterable[PlacedFile]:
    for row in CollectionObject.objects.filter(dataset=dataset).select_related("tier"):
        yield PlacedFile(
            id=row.pk,
            uri=row.uri,
            size=row.size,
            tier=row.tier.name,
            added_at=row.added_at,
            last_read_at=row.last_read_at,
            reads=row.reads,
            key=row.key,
        )


def _held_since(dataset: Dataset) -> dict[str, datetime]:
    """When each moved file came to where it is now: minimum durations count from there."""
    moved = Movement.objects.exclude(switched_at=None).filter(
        **(
            {"held_object__dataset": dataset}
            if dataset.kind == DatasetKind.COLLECTION
            else {"table__dataset": dataset}
        )
    )
    return dict(moved.values_list("target_uri").annotate(since=Max("switched_at")))


def _stored(file: PlacedFile, held_since: datetime, now: datetime) -> StoredBytes:
    age_days = Decimal(max(1, (now - file.added_at).days))
    held = Decimal(int((now - held_since).total_seconds())) / SECONDS_A_DAY
    return StoredBytes(
        size=file.size,
        tier=file.tier,
        held_days=max(Decimal(0), held),
        reads_a_month=Decimal(file.reads) / age_days * DAYS_A_MONTH,
    )


def _prices() -> dict[str, TierPrice]:
    return {
        tier.name: TierPrice(
            name=tier.name,
            keep=tier.keep_price,
            read=tier.read_price,
            move=tier.move_price,
            minimum_days=tier.minimum_days,
        )
        for tier in Tier.objects.all()
    }


def _insert_movements(plan: TieringPlan, run: TieringRun, grace_seconds: int) -> list[int]:
    """Write the plan into the journal; a source that is on its way already is left to that movement."""
    tiers = {tier.name: tier for tier in Tier.objects.select_related("location")}
    busy = set(
        Movement.objects.filter(
            source_uri__in=[move.file.uri for move in plan.moves], state__in=BEFORE_SWITCH
        ).values_list("source_uri", flat=True)
    )
    rows = [
        _movement(plan.dataset, move, tiers, run=run, grace_seconds=grace_seconds)
        for move in plan.moves
        if move.file.uri not in busy
    ]
    Movement.objects.bulk_create(rows, batch_size=500, ignore_conflicts=True)
    return list(run.movements.order_by("pk").values_list("pk", flat=True))


def _movement(
    dataset: Dataset,
    move: PlannedMove,
    tiers: dict[str, Tier],
    *,
    run: TieringRun,
    grace_seconds: int,
) -> Movement:
    target = tiers[move.target]
    is_collection = dataset.kind == DatasetKind.COLLECTION
    key = (
        f"{COLLECTIONS_PREFIX}/{dataset.uuid}/moved/{uuid7()}"
        if is_collection
        else _table_key(dataset.iceberg_table, move.file.uri)
    )
    return Movement(
        run=run,
        table=None if is_collection else dataset.iceberg_table,
        held_object_id=move.file.id if is_collection else None,
        source_uri=move.file.uri,
        target_uri=f"{target.location.root.rstrip('/')}/{key}",
        source_tier=tiers[move.file.tier],
        target_tier=target,
        size=move.file.size,
        reason=move.reason[:300],
        grace_seconds=grace_seconds,
    )


def _table_key(table: IcebergTable, source_uri: str) -> str:
    """A new name below the table's path: the same path belongs to the table on every location."""
    place = relative_path(table.location, storage_roots())
    name = _MOVED_PREFIX.sub("", source_uri.rsplit("/", 1)[-1])
    return f"{place}/data/{uuid7()}_{name[-150:]}"


def _by_tier(pairs: Iterable[tuple[str, int]]) -> dict[str, dict[str, int]]:
    totals: dict[str, dict[str, int]] = {}
    for tier, size in pairs:
        total = totals.setdefault(tier, {"files": 0, "bytes": 0})
        total["files"] += 1
        total["bytes"] += size
    return dict(sorted(totals.items()))


def _monthly(cost: Any) -> dict[str, str]:
    return {"keep": _usd(cost.keep), "read": _usd(cost.read), "total": _usd(cost.total)}


def _usd(amount: Decimal) -> str:
    return f"{amount.quantize(CENTS):f}"
