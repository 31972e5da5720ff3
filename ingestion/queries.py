"""What sources have landed, and what waits."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max, Min, QuerySet, Sum
from django.db.models.functions import Now

from governance.policy.types import Action, Principal
from governance.queries import decide_on, visible_datasets
from ingestion.models import LandingBatch, Lease, Source


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    """`lag` counts records that waited when the partition was last looked at."""

    partition: int
    next_offset: int
    high_watermark: int
    lag: int


@dataclass(frozen=True, slots=True)
class SourceStatus:
    landed: int
    rejected: int
    batches: int
    size: int
    last_landed_at: datetime | None
    partitions: list[PartitionStatus]

    @property
    def lag(self) -> int:
        return sum(each.lag for each in self.partitions)


def visible_sources(principal: Principal) -> QuerySet[Source]:
    """The sources whose dataset the principal may see, and their own before a first landing."""
    shown = Source.objects.select_related("dataset", "owner", "dead_letters")
    own = shown.filter(dataset=None)
    if not principal.is_superuser:
        own = own.filter(owner_id=principal.id)
    seen = shown.filter(
        dataset__in=visible_datasets(principal, action=Action.VIEW_METADATA).values("pk")
    )
    return (own | seen).order_by("name")


def may_steer(principal: Principal, source: Source) -> bool:
    """Whether the principal may write or manage what the source lands in, or owns it before a first landing.

    Errors name files and offsets, so they are told to these only.
    """
    if source.dataset is not None:
        actions = (Action.WRITE, Action.MANAGE)
        return any(decide_on(principal, action, source.dataset).allowed for action in actions)
    return principal.is_superuser or principal.id == source.owner_id


def oldest_landing() -> datetime | None:
    """When the longest-running landing began to write; None if none runs."""
    running = Lease.objects.filter(expires_at__gt=Now())
    began: datetime | None = running.aggregate(began=Min("taken_at"))["began"]
    return began


def source_status(source: Source) -> SourceStatus:
    """Return totals of all batches and the place of every partition; two queries."""
    totals = LandingBatch.objects.filter(source=source).aggregate(
        landed=Sum("landed", default=0),
        rejected=Sum("rejected", default=0),
        size=Sum("size", default=0),
        last=Max("finished_at"),
        batches=Count("pk"),
    )
    partitions = [
        PartitionStatus(each.partition, each.next_offset, each.high_watermark, each.lag)
        for each in source.offsets.order_by("partition")
    ]
    return SourceStatus(
        landed=totals["landed"],
        rejected=totals["rejected"],
        batches=totals["batches"],
        size=totals["size"],
        last_landed_at=totals["last"],
        partitions=partitions,
    )
