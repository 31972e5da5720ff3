"""Versions of a dataset."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.v1.conditional import FIELDS, IF_NONE_MATCH, answer, members_of
from api.v1.dataset_shapes import VersionSerializer, with_shown_runs
from api.v1.lists import listed, page_of, paging
from api.v1.sight import Sight
from catalog.models import DatasetVersion
from core.errors import NotFoundError
from governance.policy.types import Action

ORDERS = ("number", "created_at")


class VersionListView(APIView):
    """The versions of a dataset, newest first unless `order` says otherwise."""

    @extend_schema(
        operation_id="catalog_datasets_versions_list",
        parameters=paging(*ORDERS),
        responses=VersionSerializer(many=True),
    )
    def get(self, request: Request, uuid: UUID) -> Response:
        sight = Sight(request)
        row = sight.dataset(uuid, action=Action.VIEW_METADATA)
        rows, cursor = page_of(row.versions.all(), request, orders=ORDERS, default="-number")
        return listed(
            request,
            with_shown_runs(rows, runs=sight.runs),
            cursor,
            render=lambda each: VersionSerializer(each).data,
            members=members_of(VersionSerializer),
        )


class VersionView(APIView):
    """One version."""

    @extend_schema(
        operation_id="catalog_datasets_versions_retrieve",
        parameters=[FIELDS, IF_NONE_MATCH],
        responses=VersionSerializer,
    )
    def get(self, request: Request, uuid: UUID, number: int) -> Response:
        sight = Sight(request)
        row = sight.dataset(uuid, action=Action.VIEW_METADATA)
        version = DatasetVersion.objects.filter(dataset=row, number=number).first()
        if version is None:
            raise NotFoundError("there is no such version")
        shown = with_shown_runs([version], runs=sight.runs)[0]
        return answer(request, VersionSerializer(shown).data)
