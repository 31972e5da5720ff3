"""A dataset: anything that holds data and has a name, as OpenLineage names it."""

from typing import Self

import pghistory
from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.search import SearchQuery
from django.db import models
from django.db.models.functions import Lower, Upper

from catalog.models.domain import Domain
from catalog.models.history import set_trackers
from core.clock import utc_now
from core.ids import uuid7


class DatasetKind(models.TextChoices):
    TABLE = "table", "table"
    VIEW = "view", "view"
    TOPIC = "topic", "topic"
    FILESET = "fileset", "fileset"
    COLLECTION = "collection", "object collection"
    STREAM = "stream", "stream"
    MODEL = "model", "model artifact"


class DatasetStructure(models.TextChoices):
    STRUCTURED = "structured", "structured"
    SEMI_STRUCTURED = "semi-structured", "semi-structured"
    UNSTRUCTURED = "unstructured", "unstructured"


class DatasetQuerySet(models.QuerySet["Dataset"]):
    def live(self) -> Self:
        """Datasets that are not deleted."""
        return self.filter(deleted_at=None)

    def matching(self, text: str) -> Self:
        """Full text over name, description, tags, columns and owners, or a part of the name."""
        query = SearchQuery(text, config="simple", search_type="websearch")
        return self.filter(models.Q(search_entry__words=query) | models.Q(name__icontains=text))


@pghistory.track(*set_trackers(), fields=["namespace", "name", "kind", "domain", "deleted_at"])
class Dataset(models.Model):
    """(`namespace`, `name`) is unique among live and deleted alike: a name that comes back is the same dataset."""

    uuid = models.UUIDField(default=uuid7, unique=True, editable=False)
    namespace = models.CharField(max_length=500)
    name = models.CharField(max_length=1000)
    kind = models.CharField(max_length=20, choices=DatasetKind, default=DatasetKind.TABLE)
    structure = models.CharField(
        max_length=20, choices=DatasetStructure, default=DatasetStructure.STRUCTURED
    )
    media_type = models.CharField(max_length=100, blank=True)
    description = models.TextField(blank=True)
    domain = models.ForeignKey(
        Domain, null=True, blank=True, on_delete=models.PROTECT, related_name="datasets"
    )
    properties = models.JSONField(default=dict, blank=True)
    # Made by a service of ours, not merely seen in an event. INVARIANT: lineage events never change the
    # name, kind, description, tags, schema or life of a declared dataset.
    declared = models.BooleanField(default=False, editable=False)
    # The newest facets as they came, by facet name, and when each was said (`catalog.lineage.stamps`).
    facets = models.JSONField(default=dict, blank=True, editable=False)
    facet_stamps = models.JSONField(default=dict, blank=True, editable=False)
    current_version = models.ForeignKey(
        "catalog.DatasetVersion",
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    # Raised by trigger (migration 0010) when a name is taken from it: who remembered the name looks again.
    names_epoch = models.IntegerField(default=0, editable=False)
    created_at = models.DateTimeField(default=utc_now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = DatasetQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["namespace", "name"], name="dataset_name_is_unique"),
        ]
        indexes = [
            # On the expression that `icontains` compares.
            GinIndex(OpClass(Upper("name"), name="gin_trgm_ops"), name="dataset_name_trgm"),
            models.Index(Lower("name"), name="dataset_lower_name"),
        ]
        permissions = [
            ("discover_dataset", "Can discover that the dataset exists"),
            ("read_dataset", "Can read the data"),
            ("write_dataset", "Can write the data"),
            ("manage_dataset", "Can manage the entry"),
            ("approve_dataset", "Can approve requests"),
        ]

    def __str__(self) -> str:
        return f"{self.namespace}:{self.name}"

    @property
    def node_id(self) -> str:
        """The lineage node id, as Marquez writes it."""
        return f"dataset:{self.namespace}:{self.name}"


class DatasetSymlink(models.Model):
    """Another name of the same dataset (OpenLineage `symlinks` facet)."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="symlinks")
    namespace = models.CharField(max_length=500)
    name = models.CharField(max_length=1000)
    type = models.CharField(max_length=60, blank=True)
    # Whether a producer calls the dataset so itself, not only as another name of it.
    direct = models.BooleanField(default=False, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["namespace", "name"], name="symlink_name_is_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.namespace}:{self.name}"


@pghistory.track(*set_trackers())
class DatasetOwner(models.Model):
    """A user or a group that owns a dataset."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="owners")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE
    )
    group = models.ForeignKey(Group, null=True, blank=True, on_delete=models.CASCADE)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(user=None) ^ models.Q(group=None), name="owner_is_user_or_group"
            ),
            models.UniqueConstraint(
                fields=["dataset", "user", "group"], nulls_distinct=False, name="owner_once"
            ),
        ]

    def __str__(self) -> str:
        return str(self.user or self.group)
