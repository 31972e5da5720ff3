"""The glossary: what words mean in a domain, and which datasets and fields hold what they mean."""

import pghistory
from django.db import models
from django.db.models.functions import Lower

from catalog.models.dataset import Dataset
from catalog.models.domain import Domain
from catalog.models.field import Field
from catalog.models.history import set_trackers
from core.clock import utc_now
from core.ids import uuid7

MAX_TERM_DEPTH = 12


@pghistory.track()
class GlossaryTerm(models.Model):
    """A word of a domain's language. Its parent is a broader word of the same domain."""

    uuid = models.UUIDField(default=uuid7, unique=True, editable=False)
    domain = models.ForeignKey(Domain, on_delete=models.PROTECT, related_name="terms")
    name = models.CharField(max_length=200)
    definition = models.TextField(blank=True)
    synonyms = models.JSONField(default=list, blank=True, help_text="other words for the same")
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="children"
    )
    created_at = models.DateTimeField(default=utc_now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(Lower("name"), "domain", name="term_once_in_its_domain"),
        ]
        indexes = [models.Index(fields=["name", "id"], name="term_by_name")]

    def __str__(self) -> str:
        return self.name


@pghistory.track(*set_trackers())
class DatasetTerm(models.Model):
    """The dataset holds what the term means."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="dataset_terms")
    term = models.ForeignKey(GlossaryTerm, on_delete=models.CASCADE, related_name="dataset_terms")
    created_at = models.DateTimeField(default=utc_now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["dataset", "term"], name="dataset_term_once"),
        ]

    def __str__(self) -> str:
        return str(self.term)


@pghistory.track(*set_trackers())
class FieldTerm(models.Model):
    """The field holds what the term means."""

    field = models.ForeignKey(Field, on_delete=models.CASCADE, related_name="field_terms")
    term = models.ForeignKey(GlossaryTerm, on_delete=models.CASCADE, related_name="field_terms")
    created_at = models.DateTimeField(default=utc_now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["field", "term"], name="field_term_once"),
        ]

    def __str__(self) -> str:
        return str(self.term)
