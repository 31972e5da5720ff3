"""Datasets, their versions, and tags on them and on their fields."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response

from api.marquez.base import (
    LINEAGE,
    PAGE,
    MarquezSight,
    MarquezView,
    read_window,
)
from api.marquez.bodies import DatasetBody, declared_dataset, read_body
from api.marquez.datasets_shape import (
    echo_dataset,
    render_datasets,
    render_versions,
    whole_datasets,
)
from api.marquez.declaring import apply_description, check_description, record_dataset
from api.marquez.schemas import (
    MarquezDatasetListSerializer,
    MarquezDatasetSerializer,
    MarquezDatasetVersionListSerializer,
    MarquezDatasetVersionSerializer,
)
from api.marquez.sources import visible_sources
from api.openlineage.access import require_sender
from catalog.lineage.declarations import DeclaredDataset, normalize_tag
from catalog.lineage.events import Name
from catalog.models import Dataset, DataSource, Field
from catalog.services.datasets import delete_dataset
from catalog.services.sources import link_source
from catalog.services.tags import tag_dataset, tag_field, untag_dataset, untag_field
from core.errors import NotFoundError
from governance.policy.types import Action
from identity.models import User


class DatasetListView(MarquezView):
    """The datasets of a namespace that the caller may discover, by name."""

    @extend_schema(
        operation_id="marquez_datasets_list",
        parameters=PAGE,
        responses=MarquezDatasetListSerializer,
    )
    def get(self, request: Request, namespace: str) -> Response:
        sight = MarquezSight(request)
        limit, offset = read_window(request)
        found = sight.visible.filter(namespace=namespace)
        rows = list(whole_datasets(found).order_by("name")[offset : offset + limit])
        return Response(
            {"datasets": render_datasets(rows, sight=sight), "totalCount": found.count()}
        )


class DatasetView(MarquezView):
    """One dataset, by its own name or another."""

    token_scopes = {"PUT": LINEAGE}
    # What a path below a dataset ends with: without such a dataset, it may be the end of another dataset's name.
    suffix = ""

    def full_name(self, name: str) -> str:
        return name + self.suffix

    @extend_schema(operation_id="marquez_datasets_retrieve", responses=MarquezDatasetSerializer)
    def get(self, request: Request, namespace: str, dataset: str) -> Response:
        sight = MarquezSight(request)
        return Response(self.answer(sight, sight.named_dataset(namespace, self.full_name(dataset))))

    @extend_schema(
        operation_id="marquez_datasets_update",
        request=DatasetBody,
        responses=MarquezDatasetSerializer,
    )
    def put(self, request: Request, namespace: str, dataset: str) -> Response:
        """Declare the dataset, as a lineage event would. Describing and tagging one that is there needs `manage`."""
        sender = require_sender(request)
        values = read_body(request, DatasetBody)
        sight = MarquezSight(request)
        name = Name(namespace, self.full_name(dataset))
        source = visible_sources(sight).filter(name=values["sourceName"]).first()
        declared = declared_dataset(
            name, values, source_url=source.connection_url if source else ""
        )
        known = sight.find_dataset(name.namespace, name.name, exact=True)
        if known is not None:
            check_description(declared, known, sight=sight)
        record_dataset(declared, run_id=values.get("runId"), sender=sender, sight=sight)
        if known is not None:
            apply_description(declared, known, sight=sight, actor=sender.username)
        return Response(_answer_write(request, declared, source=source, sender=sender))

    @extend_schema(operation_id="marquez_datasets_destroy", responses=MarquezDatasetSerializer)
    def delete(self, request: Request, namespace: str, dataset: str) -> Response:
        """Mark the dataset deleted. Needs `administer`, as in our own API."""
        sight = MarquezSight(request)
        row = sight.named_dataset(namespace, self.full_name(dataset))
        sight.require(Action.ADMINISTER, row)
        answer = self.answer(sight, row)
        delete_dataset(row, actor=request.user.get_username())
        return Response({**answer, "deleted": True})

    @staticmethod
    def answer(sight: MarquezSight, row: Dataset) -> dict[str, Any]:
        """`row` is in sight."""
        return render_datasets([_whole(row)], sight=sight)[0]


def _answer_write(
    request: Request, declared: DeclaredDataset, *, source: DataSource | None, sender: User
) -> dict[str, Any]:
    """The dataset as the caller may see it after the write, or their own words."""
    sight = MarquezSight(request)
    row = sight.find_dataset(declared.name.namespace, declared.name.name, exact=True)
    if row is None:
        return echo_dataset(declared)
    if source is not None:
        link_source(source, dataset=row, by=sender)
    return DatasetView.answer(sight, row)


@extend_schema_view(put=extend_schema(exclude=True), delete=extend_schema(exclude=True))
class DatasetVersionListView(DatasetView):
    """The versions of a dataset, newest first."""

    suffix = "/versions"

    @extend_schema(
        operation_id="marquez_dataset_versions_list",
        parameters=PAGE,
        responses=MarquezDatasetVersionListSerializer,
    )
    def get(self, request: Request, namespace: str, dataset: str) -> Response:
        sight = MarquezSight(request)
        row = sight.find_dataset(namespace, dataset)
        if row is None:
            return super().get(request, namespace, dataset)
        limit, offset = read_window(request)
        whole = _described(sight, row)
        found = whole.versions.all()
        rows = list(found.order_by("-number")[offset : offset + limit])
        versions = render_versions(rows, dataset=whole, sight=sight)
        return Response({"versions": versions, "totalCount": found.count()})


class DatasetVersionView(MarquezView):
    """One version of a dataset."""

    @extend_schema(
        operation_id="marquez_dataset_versions_retrieve",
        responses=MarquezDatasetVersionSerializer,
    )
    def get(self, request: Request, namespace: str, dataset: str, version: UUID) -> Response:
        sight = MarquezSight(request)
        row = _described(sight, sight.named_dataset(namespace, dataset))
        found = row.versions.filter(uuid=version).first()
        if found is None:
            raise NotFoundError("there is no such version")
        return Response(render_versions([found], dataset=row, sight=sight)[0])


def _described(sight: MarquezSight, row: Dataset) -> Dataset:
    """The whole row; PermissionDeniedError where the caller may discover it but not view its metadata."""
    sight.require(Action.VIEW_METADATA, row)
    return _whole(row)


def _whole(row: Dataset) -> Dataset:
    rows: QuerySet[Dataset] = whole_datasets(Dataset.objects.filter(pk=row.pk))
    return rows.get()


class DatasetTagView(MarquezView):
    """A tag of a dataset: POST sets it, DELETE takes it off. Needs `manage`."""

    @extend_schema(exclude=True)
    def get(self, request: Request, namespace: str, dataset: str, tag: str) -> Response:
        """Marquez has no such question: the path is the name of a dataset."""
        sight = MarquezSight(request)
        row = sight.named_dataset(namespace, f"{dataset}/tags/{tag}")
        return Response(DatasetView.answer(sight, row))

    @extend_schema(
        operation_id="marquez_dataset_tags_create",
        request=None,
        responses=MarquezDatasetSerializer,
    )
    def post(self, request: Request, namespace: str, dataset: str, tag: str) -> Response:
        sight, row = _managed(request, namespace, dataset)
        tag_dataset(row, tag=normalize_tag(tag), actor=request.user.get_username())
        return Response(_answer_tagged(sight, row))

    @extend_schema(operation_id="marquez_dataset_tags_destroy", responses=MarquezDatasetSerializer)
    def delete(self, request: Request, namespace: str, dataset: str, tag: str) -> Response:
        sight, row = _managed(request, namespace, dataset)
        untag_dataset(row, tag=normalize_tag(tag), actor=request.user.get_username())
        return Response(_answer_tagged(sight, row))


class FieldTagView(MarquezView):
    """A tag of a field: POST sets it, DELETE takes it off. Needs `manage`."""

    @extend_schema(
        operation_id="marquez_field_tags_create", request=None, responses=MarquezDatasetSerializer
    )
    def post(
        self, request: Request, namespace: str, dataset: str, field: str, tag: str
    ) -> Response:
        sight, row = _managed(request, namespace, dataset)
        tag_field(_field(row, field), tag=normalize_tag(tag), actor=request.user.get_username())
        return Response(_answer_tagged(sight, row))

    @extend_schema(operation_id="marquez_field_tags_destroy", responses=MarquezDatasetSerializer)
    def delete(
        self, request: Request, namespace: str, dataset: str, field: str, tag: str
    ) -> Response:
        sight, row = _managed(request, namespace, dataset)
        untag_field(_field(row, field), tag=normalize_tag(tag), actor=request.user.get_username())
        return Response(_answer_tagged(sight, row))


def _answer_tagged(sight: MarquezSight, row: Dataset) -> dict[str, Any]:
    """The dataset, looked for once more: by its tags it may be hidden from the caller now."""
    return DatasetView.answer(sight, sight.named_dataset(row.namespace, row.name))


def _managed(request: Request, namespace: str, dataset: str) -> tuple[MarquezSight, Dataset]:
    sight = MarquezSight(request)
    row = sight.named_dataset(namespace, dataset)
    sight.require(Action.MANAGE, row)
    return sight, row


def _field(row: Dataset, name: str) -> Field:
    found = Field.objects.present().filter(dataset=row, name=name).select_related("dataset").first()
    if found is None:
        raise NotFoundError("there is no such field")
    return found
