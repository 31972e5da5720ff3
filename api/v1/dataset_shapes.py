"""Datasets as the API shows them."""

from typing import Any

from django.db.models import Prefetch, QuerySet
from rest_framework import serializers

from catalog.lineage.redaction import without_lineage_facets
from catalog.models import (
    Dataset,
    DatasetOwner,
    DatasetTag,
    DatasetVersion,
    Field,
    Run,
    RunDataset,
)
from catalog.queries.glossary import terms_of_datasets, terms_of_fields
from catalog.queries.listed import ListedDataset
from storage.queries import tier_summary

LATEST_RUNS = 5
HEAVY = ("facets", "facet_stamps")


class OwnerSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=["user", "group"])
    name = serializers.CharField()


class DatasetSerializer(serializers.Serializer[Any]):
    """A dataset in a list. `description` and `tags` are null where the caller may discover it but not view its metadata."""

    uuid = serializers.UUIDField()
    namespace = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.CharField()
    structure = serializers.CharField()
    media_type = serializers.CharField()
    description = serializers.CharField(allow_null=True)
    domain = serializers.CharField(allow_null=True)
    owners = OwnerSerializer(many=True)
    tags = serializers.ListField(child=serializers.CharField(), allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class TermRefSerializer(serializers.Serializer[Any]):
    uuid = serializers.UUIDField()
    domain = serializers.CharField()
    name = serializers.CharField()


class FieldSerializer(serializers.Serializer[Any]):
    uuid = serializers.UUIDField()
    name = serializers.CharField()
    type = serializers.CharField()
    description = serializers.CharField()
    ordinal = serializers.IntegerField()
    nullable = serializers.BooleanField()
    field_id = serializers.IntegerField(allow_null=True)
    tags = serializers.ListField(child=serializers.CharField())
    terms = TermRefSerializer(many=True)
    properties = serializers.JSONField()
    removed_at = serializers.DateTimeField(allow_null=True)


class VersionSerializer(serializers.ModelSerializer[DatasetVersion]):
    snapshot_id = serializers.CharField(allow_null=True, help_text="as text: 64 bits")
    run = serializers.UUIDField(source="run_id", allow_null=True)

    class Meta:
        model = DatasetVersion
        fields = [
            "uuid",
            "number",
            "schema",
            "fingerprint",
            "snapshot_id",
            "content_hash",
            "lifecycle",
            "statistics",
            "run",
            "created_at",
        ]
        read_only_fields = fields


class RunBriefSerializer(serializers.Serializer[Any]):
    uuid = serializers.UUIDField()
    job = serializers.CharField()
    state = serializers.CharField()
    started_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    stale_at = serializers.DateTimeField(
        allow_null=True, help_text="since when a run in progress is held for dead; null: it is not"
    )


class DatasetRunSerializer(RunBriefSerializer):
    direction = serializers.CharField()


class TierSerializer(serializers.Serializer[Any]):
    tier = serializers.CharField()
    bytes = serializers.IntegerField()
    files = serializers.IntegerField()


class SymlinkSerializer(serializers.Serializer[Any]):
    namespace = serializers.CharField()
    name = serializers.CharField()
    type = serializers.CharField()


class DatasetDetailSerializer(DatasetSerializer):
    """A dataset by itself. What needs `view_metadata` is null without it, and `may_view_metadata` is false."""

    may_view_metadata = serializers.BooleanField()
    node_id = serializers.CharField()
    properties = serializers.JSONField(allow_null=True)
    terms = TermRefSerializer(many=True, allow_null=True)
    symlinks = SymlinkSerializer(many=True, allow_null=True)
    fields = FieldSerializer(many=True, allow_null=True)  # type: ignore[assignment]
    current_version = VersionSerializer(allow_null=True)
    statistics = serializers.JSONField(allow_null=True)
    tiers = TierSerializer(many=True, allow_null=True)
    latest_runs = DatasetRunSerializer(many=True, allow_null=True)
    facets = serializers.JSONField(allow_null=True)


def with_parts(datasets: QuerySet[Dataset]) -> QuerySet[Dataset]:
    """Load what a list shows of each row, in three more queries however many rows there are."""
    return (
        datasets.select_related("domain")
        .defer(*HEAVY)
        .prefetch_related(
            Prefetch("owners", DatasetOwner.objects.select_related("user", "group").order_by("pk")),
            Prefetch(
                "dataset_tags", DatasetTag.objects.select_related("tag").order_by("tag__name")
            ),
        )
    )


def dataset_data(row: Dataset, *, described: bool) -> dict[str, Any]:
    """A row of a list."""
    return {
        **_common_data(row, described=described),
        "domain": row.domain.slug if row.domain else None,
        "owners": [
            {"kind": "user" if owner.user_id else "group", "name": str(owner)}
            for owner in row.owners.all()
        ],
        "tags": [link.tag.name for link in row.dataset_tags.all()] if described else None,
    }


def listed_data(row: ListedDataset, *, described: bool) -> dict[str, Any]:
    """The same of a row that was read without its model."""
    owners = (each.partition(":") for each in row.owners)
    return {
        **_common_data(row, described=described),
        "domain": row.domain,
        "owners": [{"kind": kind, "name": name} for kind, _, name in owners],
        "tags": row.tags if described else None,
    }


def _common_data(row: Dataset | ListedDataset, *, described: bool) -> dict[str, Any]:
    return {
        "uuid": str(row.uuid),
        "namespace": row.namespace,
        "name": row.name,
        "kind": row.kind,
        "structure": row.structure,
        "media_type": row.media_type,
        "description": row.description if described else None,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }


def dataset_detail(row: Dataset, *, described: bool, runs: QuerySet[Run]) -> dict[str, Any]:
    """A dataset by itself; `row` comes from `with_parts`, `runs` are those that the caller may know of."""
    hidden = dict.fromkeys(
        (
            "properties",
            "terms",
            "symlinks",
            "fields",
            "current_version",
            "statistics",
            "tiers",
            "latest_runs",
            "facets",
        )
    )
    shown = _metadata(row, runs=runs) if described else hidden
    return {
        **dataset_data(row, described=described),
        "may_view_metadata": described,
        "node_id": row.node_id,
        **shown,
    }


def _metadata(row: Dataset, *, runs: QuerySet[Run]) -> dict[str, Any]:
    version = row.current_version
    return {
        "properties": row.properties,
        "terms": terms_of_datasets([row.pk]).get(row.pk, []),
        "symlinks": list(row.symlinks.order_by("pk").values("namespace", "name", "type")),
        "fields": field_rows(row.fields.present()),
        # As it is: `DatasetDetailSerializer` renders it, and finds no `run_id` in what is rendered already.
        "current_version": with_shown_runs([version], runs=runs)[0] if version else None,
        "statistics": version.statistics if version else {},
        "tiers": [{"tier": name, **held} for name, held in tier_summary(row).items()],
        "latest_runs": latest_runs(row, runs=runs),
        # Lineage names datasets that the caller may not know of: `/lineage` and `/column-lineage` leave those out.
        "facets": without_lineage_facets(row.facets),
    }


def with_shown_runs(versions: list[DatasetVersion], *, runs: QuerySet[Run]) -> list[DatasetVersion]:
    """The versions, to be shown and not saved: which run made one is not told where it is not among `runs`."""
    made_by = [each.run_id for each in versions if each.run_id is not None]
    shown = set(runs.filter(pk__in=made_by).values_list("pk", flat=True)) if made_by else set()
    for each in versions:
        each.run_id = each.run_id if each.run_id in shown else None
    return versions


def field_rows(fields: QuerySet[Field]) -> list[dict[str, Any]]:
    """Fields in the order of the schema, with tags, terms and properties; five queries however many there are."""
    rows = list(fields.prefetch_related("field_tags__tag", "custom").order_by("ordinal", "pk"))
    terms = terms_of_fields([each.pk for each in rows])
    return [
        {
            "uuid": str(each.uuid),
            "name": each.name,
            "type": each.type,
            "description": each.description,
            "ordinal": each.ordinal,
            "nullable": each.nullable,
            "field_id": each.field_id,
            "tags": sorted(link.tag.name for link in each.field_tags.all()),
            "terms": terms.get(each.pk, []),
            "properties": each.custom.values if hasattr(each, "custom") else {},
            "removed_at": each.removed_at,
        }
        for each in rows
    ]


def latest_runs(row: Dataset, *, runs: QuerySet[Run]) -> list[dict[str, Any]]:
    """The newest of `runs` that used the dataset."""
    uses = (
        RunDataset.objects.filter(dataset=row, run__in=runs.order_by().only("pk"))
        .select_related("run__job")
        .defer("run__job__facets", "run__job__facet_stamps")
        .order_by("-run__started_at", "-run_id", "direction")[:LATEST_RUNS]
    )
    return [{**run_brief(use.run), "direction": use.direction} for use in uses]


def run_brief(run: Run) -> dict[str, Any]:
    """A run in brief; its job is loaded."""
    return {
        "uuid": str(run.uuid),
        "job": run.job.node_id,
        "state": run.state,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "stale_at": run.stale_at,
    }
