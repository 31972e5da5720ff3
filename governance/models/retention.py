"""How long data is kept, what must not be deleted, and whose data goes: rules, legal holds, erasure requests."""

from typing import Self

import pghistory
from django.conf import settings
from django.db import models

from catalog.models import Dataset, Domain
from core.clock import utc_now
from core.ids import uuid7


@pghistory.track()
class RetentionRule(models.Model):
    """How long the data of what is kept, and what goes when. Each change raises `version`; what it was stays in the history."""

    name = models.SlugField(max_length=120, unique=True)
    version = models.PositiveIntegerField(default=1)
    document = models.JSONField(help_text="see docs/how-to/keep-and-hold")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    changed_at = models.DateTimeField(default=utc_now, editable=False)
    retired_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"


class LegalHoldQuerySet(models.QuerySet["LegalHold"]):
    def in_force(self) -> Self:
        return self.filter(released_at=None)


class LegalHold(models.Model):
    """Until it is released nothing of its target is deleted: a dataset, a domain with all below, a tag, or a person.

    A person is given by identifiers, sealed (`governance.retention.identifiers`); they go when the hold is released.
    """

    uuid = models.UUIDField(default=uuid7, unique=True, editable=False)
    dataset = models.ForeignKey(
        Dataset, null=True, blank=True, on_delete=models.PROTECT, related_name="legal_holds"
    )
    domain = models.ForeignKey(
        Domain, null=True, blank=True, on_delete=models.PROTECT, related_name="legal_holds"
    )
    tag = models.CharField(max_length=100, blank=True)
    is_of_person = models.BooleanField(default=False, editable=False)
    sealed = models.BinaryField(null=True, editable=False)
    reason = models.TextField()
    placed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, editable=False, on_delete=models.PROTECT, related_name="+"
    )
    placed_at = models.DateTimeField(default=utc_now, editable=False)
    released_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="+",
    )
    released_at = models.DateTimeField(null=True, blank=True, editable=False)
    release_reason = models.TextField(blank=True)

    objects = LegalHoldQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=(
                    models.Q(dataset__isnull=False, domain=None, tag="", is_of_person=False)
                    | models.Q(dataset=None, domain__isnull=False, tag="", is_of_person=False)
                    | (models.Q(dataset=None, domain=None, is_of_person=False) & ~models.Q(tag=""))
                    | models.Q(dataset=None, domain=None, tag="", is_of_person=True)
                ),
                name="hold_has_one_target",
            ),
            models.CheckConstraint(
                condition=models.Q(is_of_person=False, sealed=None)
                | models.Q(is_of_person=True, sealed__isnull=False, released_at=None)
                | models.Q(is_of_person=True, sealed=None, released_at__isnull=False),
                name="hold_forgets_the_person_when_released",
            ),
        ]

    def __str__(self) -> str:
        return f"hold on {self.target_name}"

    @property
    def target_name(self) -> str:
        if self.is_of_person:
            return "a person"
        return f"tag {self.tag}" if self.tag else str(self.dataset or self.domain)


class ErasureState(models.TextChoices):
    REQUESTED = "requested", "asked for, not planned yet"
    PLANNED = "planned", "planned, waits for another person's approval"
    APPROVED = "approved", "approved, to be carried out"
    DONE = "done", "erased and certified"
    REFUSED = "refused", "refused"
    WITHDRAWN = "withdrawn", "withdrawn"


OPEN_ERASURES = (ErasureState.REQUESTED, ErasureState.PLANNED, ErasureState.APPROVED)


class ErasureRequest(models.Model):
    """INVARIANT: `sealed` is the only place that holds the person's identifiers, and is emptied when the request is over.

    `plan` is what the dry run found, by dataset, without any value of the data. `certificate` is what was signed.
    """

    uuid = models.UUIDField(default=uuid7, unique=True, editable=False)
    state = models.CharField(
        max_length=10, choices=ErasureState, default=ErasureState.REQUESTED, db_index=True
    )
    sealed = models.BinaryField(null=True, editable=False)
    identifiers = models.PositiveIntegerField(help_text="how many were given")
    everywhere = models.BooleanField(
        default=False, help_text="search every table and collection, not only what lineage reaches"
    )
    reason = models.TextField()
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(default=utc_now, editable=False)
    due_at = models.DateTimeField(help_text="the deadline by law or by promise")
    plan = models.JSONField(default=dict, blank=True, editable=False)
    planned_at = models.DateTimeField(null=True, blank=True, editable=False)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True, editable=False)
    comment = models.TextField(blank=True)
    last_error = models.CharField(max_length=500, blank=True, editable=False)
    certificate = models.JSONField(null=True, blank=True, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(decided_by=models.F("requested_by")),
                name="erasure_is_decided_by_another",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    state__in=["requested", "planned", "approved"], sealed__isnull=False
                )
                | models.Q(state__in=["done", "refused", "withdrawn"], sealed=None),
                name="erasure_forgets_the_person",
            ),
        ]

    def __str__(self) -> str:
        return f"erasure {self.uuid}"


class ErasureStep(models.Model):
    """The journal of one dataset's part of an erasure.

    INVARIANT: `doomed` names each file (URI → SHA-256, "" until it was read) before the commit after which nothing else
    names it; so whoever resumes after a kill knows what is still to be removed. It is emptied when the step is done.
    """

    request = models.ForeignKey(ErasureRequest, on_delete=models.CASCADE, related_name="steps")
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="+")
    ordinal = models.PositiveIntegerField()
    doomed = models.JSONField(default=dict)
    # What the certificate says of it: rows, snapshots, files and objects removed.
    done = models.JSONField(default=dict)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["request_id", "ordinal"]
        constraints = [
            models.UniqueConstraint(fields=["request", "dataset"], name="erasure_of_dataset_once"),
        ]

    def __str__(self) -> str:
        return f"{self.request} of {self.dataset}"
