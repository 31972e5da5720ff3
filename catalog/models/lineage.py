"""Lineage edges: dataset → job → dataset, and field → field. Closed edges stay, for as-of questions."""

from django.db import models

from catalog.models.dataset import Dataset
from catalog.models.field import Field
from catalog.models.job import Job, Run, RunEvent
from core.clock import utc_now


class Direction(models.TextChoices):
    INPUT = "input", "the job reads the dataset"
    OUTPUT = "output", "the job writes the dataset"


class EdgeOrigin(models.TextChoices):
    DECLARED = "declared", "the producer said so"
    PARSED = "parsed", "read out of SQL"
    INFERRED = "inferred", "concluded from names and times"


class RunDataset(models.Model):
    """What one run read or wrote. The edges in force follow from these rows (`catalog.services.edges`)."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="datasets")
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="run_uses")
    direction = models.CharField(max_length=6, choices=Direction)
    # `inputFacets` or `outputFacets` as they came.
    facets = models.JSONField(default=dict)
    facet_stamps = models.JSONField(default=dict)
    origin = models.CharField(max_length=8, choices=EdgeOrigin, default=EdgeOrigin.DECLARED)
    # The event of this run that tells how the columns of this output come about.
    column_event = models.ForeignKey(
        RunEvent, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    column_stamp = models.CharField(max_length=80, blank=True)
    column_hash = models.CharField(max_length=32, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["run", "dataset", "direction"], name="run_dataset_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dataset_id} {self.direction} of {self.run_id}"


class DatasetEdge(models.Model):
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="job_edges")
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="dataset_edges")
    direction = models.CharField(max_length=6, choices=Direction)
    origin = models.CharField(max_length=8, choices=EdgeOrigin, default=EdgeOrigin.DECLARED)
    last_run = models.ForeignKey(Run, null=True, on_delete=models.SET_NULL, related_name="+")
    valid_from = models.DateTimeField(default=utc_now)
    valid_to = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["dataset", "job", "direction"],
                condition=models.Q(valid_to=None),
                name="dataset_edge_open_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dataset} {self.direction} of {self.job}"


class FieldEdge(models.Model):
    """`target` is derived from `source` by `job`; type and subtype as in OpenLineage's columnLineage facet."""

    source = models.ForeignKey(Field, on_delete=models.CASCADE, related_name="derived_edges")
    target = models.ForeignKey(Field, on_delete=models.CASCADE, related_name="source_edges")
    job = models.ForeignKey(Job, null=True, on_delete=models.CASCADE, related_name="field_edges")
    type = models.CharField(max_length=20, blank=True, help_text="DIRECT or INDIRECT")
    subtype = models.CharField(max_length=40, blank=True)
    description = models.TextField(blank=True)
    masking = models.BooleanField(default=False)
    origin = models.CharField(max_length=8, choices=EdgeOrigin, default=EdgeOrigin.DECLARED)
    valid_from = models.DateTimeField(default=utc_now)
    valid_to = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["source", "target", "job", "type", "subtype"],
                condition=models.Q(valid_to=None),
                nulls_distinct=False,
                name="field_edge_open_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source_id} → {self.target_id}"
