"""Lineage edges: dataset → job → dataset, and field → field. Closed edges stay, for as-of questions."""

import pghistory
from django.contrib.postgres.fields import ArrayField
from django.db import models

from catalog.models.dataset import Dataset
from catalog.models.field import Field
from catalog.models.history import set_trackers
from catalog.models.job import Job, Run
from core.clock import utc_now


class Direction(models.TextChoices):
    INPUT = "input", "the job reads the dataset"
    OUTPUT = "output", "the job writes the dataset"


class EdgeOrigin(models.TextChoices):
    DECLARED = "declared", "the producer said so"
    PARSED = "parsed", "read out of SQL"
    INFERRED = "inferred", "concluded from names and times"


class RunDataset(models.Model):
    """What one run read or wrote. The edges in force follow from these rows (`catalog.services.openlineage.edges`).

    No foreign keys in the database: the writer holds the locks of the run and of the dataset.
    """

    pk = models.CompositePrimaryKey("run_id", "dataset_id", "direction")
    run = models.ForeignKey(
        Run, on_delete=models.CASCADE, related_name="datasets", db_constraint=False, db_index=False
    )
    dataset = models.ForeignKey(
        Dataset, on_delete=models.CASCADE, related_name="run_uses", db_constraint=False
    )
    direction = models.CharField(max_length=6, choices=Direction)
    origin = models.CharField(max_length=8, choices=EdgeOrigin, default=EdgeOrigin.DECLARED)
    # How the columns of this output come about (`ColumnLineage`), and the stamp of the event that told it.
    column_hash = models.CharField(max_length=32, blank=True)
    column_stamp = models.CharField(max_length=80, blank=True, db_collation="C")
    # Of the event of this run that told the version of this output; `-`: told, by a run not known to have completed.
    version_stamp = models.CharField(max_length=80, blank=True, db_collation="C")

    def __str__(self) -> str:
        return f"{self.dataset_id} {self.direction} of {self.run_id}"


class ColumnLineage(models.Model):
    """The column lineage that events told of some output, once for all that told the same."""

    hash = models.CharField(max_length=32, primary_key=True)
    # Rows of `catalog.lineage.columns.ColumnEdge`.
    edges = models.JSONField()
    created_at = models.DateTimeField(default=utc_now)

    def __str__(self) -> str:
        return self.hash


class DatasetTelling(models.Model):
    """A set of facets that events told of a dataset, all of it still in force: the stamp of the last that did.

    INVARIANT: the facets `names` have in `Dataset.facets` the values that the telling (`hash`) has. So an event that
    tells the same again only raises `stamp`; a facet's own stamp is the greatest of `Dataset.facet_stamps`
    and of the tellings that name it (`catalog.services.openlineage.tellings`).
    """

    pk = models.CompositePrimaryKey("dataset_id", "hash")
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="+", db_index=False)
    hash = models.BinaryField(max_length=16)
    stamp = models.CharField(max_length=80, db_collation="C")
    names = ArrayField(models.TextField())

    def __str__(self) -> str:
        return f"{self.dataset_id} at {self.stamp}"


class DatasetEdge(models.Model):
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="job_edges")
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="dataset_edges")
    direction = models.CharField(max_length=6, choices=Direction)
    origin = models.CharField(max_length=8, choices=EdgeOrigin, default=EdgeOrigin.DECLARED)
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


@pghistory.track(
    *set_trackers(),
    fields=["source", "target", "type", "valid_from", "valid_to"],
    model_name="FieldEdgeEvent",
)
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


class EdgeKind(models.IntegerChoices):
    DATASET = 1, "dataset edge"
    FIELD = 2, "field edge"


class EdgeLog(models.Model):
    """Each opening and closing of an edge, in the order of writing: what a graph in memory is brought up to date from.

    Written by triggers on the two edge tables, so that no path forgets it. Commits may overtake each other: a reader
    takes what its last snapshot did not see, by the number of the writing transaction (`catalog.queries.lineage.log`).
    """

    seq = models.BigAutoField(primary_key=True)
    # The writing transaction (`pg_current_xact_id()`), as a 64-bit number.
    xid = models.BigIntegerField()
    kind = models.SmallIntegerField(choices=EdgeKind)
    opened = models.BooleanField(help_text="false: closed")
    edge_id = models.BigIntegerField()
    # Of a dataset edge: dataset and job. Of a field edge: source field and target field.
    left_id = models.BigIntegerField()
    right_id = models.BigIntegerField()
    job_id = models.BigIntegerField(null=True)
    direction = models.CharField(max_length=6, blank=True)
    logged_at = models.DateTimeField(default=utc_now)

    class Meta:
        ordering = ["seq"]
        indexes = [models.Index(fields=["kind", "xid"], name="edge_log_by_transaction")]

    def __str__(self) -> str:
        return f"{self.seq} {'+' if self.opened else '-'}{self.edge_id}"


class EdgeLogHorizon(models.Model):
    """One row: what was trimmed of the log, and how often all graphs in memory were asked to be loaded anew.

    No row stands for zeros.
    """

    id = models.SmallIntegerField(primary_key=True, default=1)
    # How often entries were deleted, and the greatest number of a transaction whose entries were.
    trims = models.BigIntegerField(default=0)
    trimmed_xid = models.BigIntegerField(default=0)
    generation = models.IntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(pk=1), name="edge_log_horizon_is_one_row"),
        ]

    def __str__(self) -> str:
        return f"trimmed {self.trims} times, generation {self.generation}"
