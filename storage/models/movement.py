"""Movements between tiers: a journal that a kill at any point lets resume or roll back."""

from django.db import models

from core.clock import utc_now
from core.ids import uuid7
from storage.models.collection import CollectionObject
from storage.models.location import Tier
from storage.models.run import TieringRun
from storage.models.table import IcebergTable


class MovementState(models.TextChoices):
    PLANNED = "planned", "planned"
    COPIED = "copied", "copied, not verified"
    VERIFIED = "verified", "verified, not switched"
    SWITCHED = "switched", "switched, source kept for readers in flight"
    DONE = "done", "source removed"
    FAILED = "failed", "failed; the source stands"
    ROLLED_BACK = "rolled-back", "rolled back; the copy is removed"


# The catalog entry points at the source until the switch.
BEFORE_SWITCH = (MovementState.PLANNED, MovementState.COPIED, MovementState.VERIFIED)
UNFINISHED = (*BEFORE_SWITCH, MovementState.SWITCHED)


class Movement(models.Model):
    """One file or object on its way from `source_uri` to `target_uri`.

    An object whose content was replaced leaves a movement in the state SWITCHED behind, so that the bytes
    of before are removed as those of any other source are.
    """

    uuid = models.UUIDField(default=uuid7, unique=True, editable=False)
    run = models.ForeignKey(
        TieringRun, null=True, blank=True, on_delete=models.SET_NULL, related_name="movements"
    )
    # None for an object's movement, and once the table was dropped: the journal outlives what it moved.
    table = models.ForeignKey(
        IcebergTable, null=True, blank=True, on_delete=models.SET_NULL, related_name="movements"
    )
    held_object = models.ForeignKey(
        CollectionObject, null=True, blank=True, on_delete=models.CASCADE, related_name="movements"
    )
    source_uri = models.CharField(max_length=1500)
    target_uri = models.CharField(max_length=1500)
    source_tier = models.ForeignKey(Tier, on_delete=models.PROTECT, related_name="+")
    target_tier = models.ForeignKey(Tier, on_delete=models.PROTECT, related_name="+")
    size = models.BigIntegerField(help_text="bytes")
    sha256 = models.CharField(max_length=64, blank=True, help_text="of the bytes copied")
    state = models.CharField(
        max_length=12, choices=MovementState, default=MovementState.PLANNED, db_index=True
    )
    reason = models.CharField(max_length=300, blank=True)
    error = models.TextField(blank=True)
    attempts = models.PositiveIntegerField(default=0)
    grace_seconds = models.PositiveIntegerField(
        default=300, help_text="how long the source stays for readers in flight"
    )
    # A worker that takes a movement sets both; who no longer holds the number may not change the row.
    fence = models.PositiveBigIntegerField(default=0)
    leased_until = models.DateTimeField(null=True)
    planned_at = models.DateTimeField(default=utc_now)
    switched_at = models.DateTimeField(null=True)
    remove_after = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(table=None) | models.Q(held_object=None),
                name="movement_of_table_or_object",
            ),
            models.UniqueConstraint(
                fields=["source_uri"],
                condition=models.Q(state__in=["planned", "copied", "verified"]),
                name="movement_of_source_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source_uri} → {self.target_tier} ({self.state})"
