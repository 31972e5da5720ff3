"""Access requests: purpose, rows and columns wanted, duration; decided stage by stage, enforced as a grant."""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import models

from catalog.models import Dataset
from core.clock import utc_now
from core.ids import uuid7
from governance.approval.plan import Plan, from_json
from governance.approval.states import LABELS, OPEN, RequestState, Step, next_state

STATES = [(str(state), text) for state, text in LABELS.items()]


@dataclass(frozen=True, slots=True)
class Terms:
    """Rows (None: all) and columns (None: all), and for how long."""

    row_filter: str | None
    columns: list[str] | None
    duration: timedelta


class AccessRequest(models.Model):
    uuid = models.UUIDField(default=uuid7, unique=True, editable=False)
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="access_requests")
    requester = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="access_requests"
    )
    purpose = models.TextField()
    columns = models.JSONField(null=True, blank=True, help_text="field names; empty: all columns")
    row_filter = models.TextField(null=True, blank=True, help_text="SQL boolean; empty: all rows")
    duration = models.DurationField()
    state = models.CharField(max_length=10, choices=STATES, default=RequestState.PENDING)
    created_at = models.DateTimeField(default=utc_now, editable=False)
    decided_at = models.DateTimeField(null=True, blank=True, editable=False)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="decided_requests",
    )
    decision_comment = models.TextField(blank=True)
    expires_at = models.DateTimeField(null=True, blank=True, editable=False)
    # The stages as the rules asked for them when it was made: a later change of a rule changes no open request.
    stages = models.JSONField(default=dict, blank=True, editable=False)
    # The request that this one prolongs.
    extends = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="extensions",
    )
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
    )

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["state", "dataset"], name="request_by_state")]
        constraints = [
            models.UniqueConstraint(
                fields=["dataset", "requester"],
                condition=models.Q(state__in=sorted(OPEN)),
                name="request_pending_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.requester} asks for {self.dataset}"

    @property
    def plan(self) -> Plan:
        """The stages that it goes through."""
        return from_json(self.stages)

    def move(self, step: Step) -> None:
        """Set the state that follows `step`; the caller saves. ConflictError where the step is not possible."""
        self.state = next_state(self.state, step)

    def terms(self) -> Terms:
        """What is up for decision: the newest accepted offer, or what was asked."""
        offer = self.offers.filter(accepted=True).order_by("-pk").first()
        source = self if offer is None else offer
        return Terms(source.row_filter, source.columns, source.duration)


class RequestVote(models.Model):
    """Somebody had their say in one stage, in their own name or in that of a person who is away."""

    request = models.ForeignKey(AccessRequest, on_delete=models.CASCADE, related_name="votes")
    stage = models.PositiveSmallIntegerField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    in_name_of = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    agrees = models.BooleanField()
    comment = models.TextField(blank=True)
    at = models.DateTimeField(default=utc_now, editable=False)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["request", "stage", "by"], name="vote_once"),
            models.UniqueConstraint(
                fields=["request", "stage", "in_name_of"], name="vote_once_in_a_name"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.by} in stage {self.stage} of {self.request_id}"


class RequestOffer(models.Model):
    """Less than what was asked: fewer columns, fewer rows, a shorter time. The requester accepts or declines."""

    request = models.ForeignKey(AccessRequest, on_delete=models.CASCADE, related_name="offers")
    stage = models.PositiveSmallIntegerField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    in_name_of = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    columns = models.JSONField(null=True, blank=True)
    row_filter = models.TextField(null=True, blank=True)
    duration = models.DurationField()
    comment = models.TextField(blank=True)
    made_at = models.DateTimeField(default=utc_now, editable=False)
    answered_at = models.DateTimeField(null=True, blank=True)
    accepted = models.BooleanField(null=True, blank=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["request"], condition=models.Q(answered_at=None), name="offer_open_once"
            ),
        ]

    def __str__(self) -> str:
        return f"offer for {self.request_id}"


class NoticeKind(models.TextChoices):
    WAITING = "waiting", "waits for a decision"
    REMINDER = "reminder", "still waits"
    ESCALATION = "escalation", "waits too long"
    OFFERED = "offered", "less was offered"
    DECIDED = "decided", "is decided"
    ENDING = "ending", "the access ends soon"


class RequestNotice(models.Model):
    """One message about a request. INVARIANT: the row is unique, and marked as sent before it is, so it is sent at most once."""

    request = models.ForeignKey(AccessRequest, on_delete=models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=12, choices=NoticeKind)
    # The stage; or, of an offer, which one it is.
    number = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=utc_now, editable=False)
    sent_at = models.DateTimeField(null=True, blank=True)
    recipients = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["request", "kind", "number"], name="notice_once"),
        ]
        indexes = [
            models.Index(fields=["id"], condition=models.Q(sent_at=None), name="notice_unsent"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.request_id}"
