"""Campaigns in which those who answer for data certify again who may use it."""

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models

from catalog.models import Dataset, Domain
from core.clock import utc_now
from core.ids import uuid7
from governance.approval.plan import Plan, Stage
from governance.approval.rules import Kind
from governance.certification.states import (
    CAMPAIGN_LABELS,
    ITEM_LABELS,
    UNDECIDED_LABELS,
    WAITING,
    CampaignState,
    CampaignStep,
    ItemState,
    ItemStep,
    Undecided,
    next_campaign_state,
    next_item_state,
)


class Campaign(models.Model):
    """Which grants, who decides, until when, and what becomes of the undecided.

    `domain` is a slug, empty for the whole house: a domain that is gone must not widen the scope.
    """

    uuid = models.UUIDField(default=uuid7, unique=True, editable=False)
    name = models.CharField(max_length=200)
    domain = models.CharField(
        max_length=120, blank=True, help_text="grants on it and below; empty: everywhere"
    )
    labels = models.JSONField(
        default=list, blank=True, help_text="only what reaches such labels, inherited ones too"
    )
    older_than_days = models.PositiveIntegerField(
        null=True, blank=True, help_text="only grants at least so old"
    )
    unused_for_days = models.PositiveIntegerField(
        null=True, blank=True, help_text="only grants of read without a recorded read for so long"
    )
    reviewer = models.CharField(
        max_length=10,
        choices=[(str(each), str(each)) for each in Kind],
        default=Kind.OWNER,
        help_text="who decides; those next in line where nobody of them can",
    )
    reviewer_group = models.CharField(max_length=150, blank=True)
    days = models.PositiveSmallIntegerField(default=14, help_text="time to decide")
    undecided = models.CharField(
        max_length=10,
        choices=[(str(each), text) for each, text in UNDECIDED_LABELS.items()],
        default=Undecided.REVOKE,
        help_text="what becomes of what nobody decided in time",
    )
    grace_days = models.PositiveSmallIntegerField(
        default=7, help_text="how much more time, where more is given"
    )
    remind_days = models.PositiveSmallIntegerField(
        default=3, help_text="reviewers are reminded so long before the deadline"
    )
    every_months = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="held again after so many months; empty: once"
    )
    state = models.CharField(
        max_length=10,
        choices=[(str(each), text) for each, text in CAMPAIGN_LABELS.items()],
        default=CampaignState.PLANNED,
        editable=False,
    )
    opens_at = models.DateTimeField(default=utc_now)
    opened_at = models.DateTimeField(null=True, blank=True, editable=False)
    due_at = models.DateTimeField(null=True, blank=True, editable=False)
    closed_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=utc_now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    previous = models.OneToOneField(
        "self",
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="next",
    )

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.name

    def move(self, step: CampaignStep) -> None:
        """Set the state that follows `step`; the caller saves. ConflictError where the step is not possible."""
        self.state = next_campaign_state(self.state, step)


class CampaignItem(models.Model):
    """One grant to certify. `description` is the grant as it was when the campaign began.

    `evidence` is what was known of its use, and `outcome` what it became, at the decision.
    """

    uuid = models.UUIDField(default=uuid7, unique=True, editable=False)
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="items")
    grant = models.UUIDField()
    granted_at = models.DateTimeField()
    description = models.JSONField()
    dataset = models.ForeignKey(Dataset, null=True, on_delete=models.SET_NULL, related_name="+")
    domain = models.ForeignKey(Domain, null=True, on_delete=models.SET_NULL, related_name="+")
    holder = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    holder_group = models.ForeignKey(Group, null=True, on_delete=models.SET_NULL, related_name="+")
    state = models.CharField(
        max_length=10,
        choices=[(str(each), text) for each, text in ITEM_LABELS.items()],
        default=ItemState.OPEN,
    )
    created_at = models.DateTimeField(default=utc_now)
    due_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    in_name_of = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    comment = models.TextField(blank=True)
    evidence = models.JSONField(default=dict)
    outcome = models.JSONField(default=dict)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["campaign", "grant"], name="campaign_item_is_one"),
        ]
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=models.Q(state__in=sorted(WAITING)),
                name="campaign_item_waits",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.description['action']} on {self.description['target']}"

    @property
    def plan(self) -> Plan:
        """The one stage that it goes through. Whoever owns a service account decides about its grants."""
        is_program = self.holder is not None and self.holder.is_service
        stage = Stage(
            number=0,
            rule=self.campaign.name,
            kind=Kind.OWNER if is_program else Kind(self.campaign.reviewer),
            group="" if is_program else self.campaign.reviewer_group,
            escalate_hours=0 if self.state == ItemState.ESCALATED else None,
        )
        return Plan(stages=(stage,))

    def move(self, step: ItemStep) -> None:
        """Set the state that follows `step`; the caller saves. ConflictError where the step is not possible."""
        self.state = next_item_state(self.state, step)


class CampaignNoticeKind(models.TextChoices):
    OPENED = "opened", "grants wait for your decision"
    REMINDER = "reminder", "grants still wait for your decision"
    EXTENDED = "extended", "grants wait, and will be revoked"


class CampaignNotice(models.Model):
    """One round of messages to those who are to decide. INVARIANT: unique, and marked as sent before it is."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=12, choices=CampaignNoticeKind)
    created_at = models.DateTimeField(default=utc_now, editable=False)
    sent_at = models.DateTimeField(null=True, blank=True)
    recipients = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["campaign", "kind"], name="campaign_notice_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.campaign_id}"
