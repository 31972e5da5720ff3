"""Custom properties: declared by administrators with a JSON Schema each, and checked at writing.

The values of a dataset are in its own row; few fields, jobs and domains have any, so theirs are in tables beside.
"""

import pghistory
from django.core.validators import RegexValidator
from django.db import models

from catalog.models.domain import Domain
from catalog.models.field import Field
from catalog.models.job import Job
from core.clock import utc_now

PROPERTY_PATTERN = r"^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$"


class PropertyTarget(models.TextChoices):
    DATASET = "dataset", "datasets"
    FIELD = "field", "fields"
    JOB = "job", "jobs"
    DOMAIN = "domain", "domains"


@pghistory.track()
class PropertyDefinition(models.Model):
    """What values a property may have, on one kind of entry (JSON Schema, draft 2020-12)."""

    name = models.CharField(max_length=100, validators=[RegexValidator(PROPERTY_PATTERN)])
    applies_to = models.CharField(max_length=8, choices=PropertyTarget)
    schema = models.JSONField(help_text="JSON Schema, draft 2020-12, of one value")
    description = models.TextField(blank=True)
    created_at = models.DateTimeField(default=utc_now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["applies_to", "name"]
        constraints = [
            models.UniqueConstraint(fields=["applies_to", "name"], name="property_defined_once"),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.applies_to}"


class PropertyValues(models.Model):
    """The custom properties of one entry, by name."""

    values = models.JSONField(default=dict)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True


@pghistory.track()
class FieldProperties(PropertyValues):
    field = models.OneToOneField(
        Field, primary_key=True, on_delete=models.CASCADE, related_name="custom"
    )

    def __str__(self) -> str:
        return f"properties of {self.field}"


@pghistory.track()
class JobProperties(PropertyValues):
    job = models.OneToOneField(
        Job, primary_key=True, on_delete=models.CASCADE, related_name="custom"
    )

    def __str__(self) -> str:
        return f"properties of {self.job}"


@pghistory.track()
class DomainProperties(PropertyValues):
    domain = models.OneToOneField(
        Domain, primary_key=True, on_delete=models.CASCADE, related_name="custom"
    )

    def __str__(self) -> str:
        return f"properties of {self.domain}"
