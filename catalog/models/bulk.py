"""Bulk imports: how far each has come, and what was wrong with which line."""

from django.conf import settings
from django.db import models

from core.clock import utc_now
from core.ids import uuid7


class ImportState(models.TextChoices):
    RUNNING = "running", "lines are still to come, or the stream broke off"
    COMPLETED = "completed", "every line was read"


class CatalogImport(models.Model):
    """INVARIANT: written in the transaction of each chunk, so `acknowledged_line` never passes what is stored."""

    uuid = models.UUIDField(default=uuid7, unique=True, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    state = models.CharField(max_length=10, choices=ImportState, default=ImportState.RUNNING)
    acknowledged_line = models.BigIntegerField(default=0)
    # SHA-256 over the digests of the chunks so far, each over its raw lines: the same start of a stream gives the same.
    digest = models.CharField(max_length=64, blank=True)
    # Lines after which a chunk ended before it was full, because the stream broke off there.
    cuts = models.JSONField(default=list)
    created = models.BigIntegerField(default=0)
    updated = models.BigIntegerField(default=0)
    unchanged = models.BigIntegerField(default=0)
    refused = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(default=utc_now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"import {self.uuid} up to line {self.acknowledged_line}"


class ImportProblem(models.Model):
    """A line that was not taken. Kept so that who lost the answer can read it again."""

    run = models.ForeignKey(CatalogImport, on_delete=models.CASCADE, related_name="problems")
    line = models.BigIntegerField()
    problem = models.JSONField(help_text="RFC 9457 members")

    class Meta:
        ordering = ["run_id", "line"]
        constraints = [
            models.UniqueConstraint(fields=["run", "line"], name="import_problem_once"),
        ]

    def __str__(self) -> str:
        return f"line {self.line}"
