"""The vocabulary of tags."""

from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.marquez.base import LINEAGE, PAGE, MarquezSight, MarquezView, read_window
from api.marquez.bodies import TagBody, read_body
from api.marquez.schemas import MarquezTagListSerializer, MarquezTagSerializer
from api.openlineage.access import require_sender
from catalog.lineage.declarations import normalize_tag
from catalog.models import DatasetTag, FieldTag, Tag
from catalog.services.tags import describe_tag, ensure_tag


class TagListView(MarquezView):
    """The tags on what the caller may view, by name; all tags for administrators."""

    @extend_schema(
        operation_id="marquez_tags_list", parameters=PAGE, responses=MarquezTagListSerializer
    )
    def get(self, request: Request) -> Response:
        limit, offset = read_window(request)
        rows = _visible_tags(MarquezSight(request)).order_by("name")[offset : offset + limit]
        return Response({"tags": [_data(row) for row in rows]})


class TagView(MarquezView):
    """One tag: PUT makes it."""

    token_scopes = {"PUT": LINEAGE}

    @extend_schema(
        operation_id="marquez_tags_update", request=TagBody, responses=MarquezTagSerializer
    )
    def put(self, request: Request, tag: str) -> Response:
        """Make the tag, in lower case. What is said of one that is there, administrators alone change."""
        sender = require_sender(request)
        description = read_body(request, TagBody).get("description") or ""
        row = ensure_tag(name=normalize_tag(tag), description=description, actor=sender.username)
        if sender.is_superuser and description:
            describe_tag(row, description=description, actor=sender.username)
            return Response(_data(row))
        # Whether the tag was there already is not for everybody to know: the answer is in the caller's words.
        return Response({"name": row.name, "description": description or None})


def _visible_tags(sight: MarquezSight) -> QuerySet[Tag]:
    if sight.sees_everything:
        return Tag.objects.all()
    described = sight.described.order_by().only("pk")
    on_datasets = DatasetTag.objects.filter(tag=OuterRef("pk"), dataset__in=described)
    on_fields = FieldTag.objects.filter(
        tag=OuterRef("pk"), field__removed_at=None, field__dataset__in=described
    )
    return Tag.objects.filter(Exists(on_datasets) | Exists(on_fields))


def _data(row: Tag) -> dict[str, Any]:
    return {"name": row.name, "description": row.description or None}
