"""Rows of a dataset as the caller may see them: a governed read as JSON or as an Arrow stream."""

import base64
import io
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

import orjson
import pyarrow as pa
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from catalog.models import Dataset
from core.errors import InvalidInputError, LimitExceededError, NotFoundError
from identity.models import User
from identity.models.token import Scope
from query.services import GovernedRead, open_read

DEFAULT_ROWS = 100
MAX_JSON_ROWS = 1000
MAX_PURPOSE = 500
ARROW_STREAM = "application/vnd.apache.arrow.stream"
# The Arrow schema's metadata: what the JSON answer says beside its rows.
ARROW_METADATA_KEY = b"lakewarden.read"


class ArrowStreamRenderer(BaseRenderer):
    """Lets a caller ask for the stream by `Accept`; the view writes it itself. Errors stay problem details."""

    media_type = ARROW_STREAM
    format = "arrow"
    charset = None
    render_style = "binary"

    def render(self, data: Any, media_type: Any = None, context: Any = None) -> bytes:
        del media_type, context
        return orjson.dumps(data)


class RowsRequestSerializer(serializers.Serializer[Any]):
    """A read whose parts are too long for a URL."""

    columns = serializers.ListField(
        child=serializers.CharField(max_length=500), required=False, max_length=1000
    )
    where = serializers.CharField(required=False, allow_blank=True, max_length=4096)
    limit = serializers.IntegerField(required=False, min_value=0)
    purpose = serializers.CharField(required=False, allow_blank=True, max_length=MAX_PURPOSE)


_RESPONSE = inline_serializer(
    "RowsResponse",
    {
        "columns": serializers.ListField(child=serializers.DictField()),
        "rows": serializers.ListField(child=serializers.ListField()),
        "truncated": serializers.BooleanField(),
        "row_filter_applied": serializers.BooleanField(),
        "hidden_columns": serializers.IntegerField(),
        "reasons": serializers.ListField(child=serializers.CharField()),
        "snapshot_id": serializers.CharField(allow_null=True),
    },
)


class DatasetRowsView(APIView):
    """Rows of one snapshot, with the caller's row filter and masks applied; every read is in the audit log."""

    renderer_classes = [JSONRenderer, ArrowStreamRenderer]
    # A long condition comes in a body, and reading stays reading.
    token_scopes = {"*": (Scope.READ,)}

    @extend_schema(
        operation_id="read_rows",
        parameters=[
            OpenApiParameter("columns", str, description="names, separated by commas"),
            OpenApiParameter("where", str, description="an SQL condition over what you see"),
            OpenApiParameter("limit", int, description=f"rows; JSON {DEFAULT_ROWS} by default"),
            OpenApiParameter("purpose", str, description="what the read is for"),
        ],
        responses={(200, "application/json"): _RESPONSE, (200, ARROW_STREAM): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, uuid: UUID) -> HttpResponseBase:
        query = request.query_params
        given: dict[str, Any] = {
            name: query[name] for name in ("where", "limit", "purpose") if name in query
        }
        if query.get("columns"):
            given["columns"] = query["columns"].split(",")
        return self._answer(request, uuid, given)

    @extend_schema(
        operation_id="read_rows_by_body",
        request=RowsRequestSerializer,
        responses={(200, "application/json"): _RESPONSE, (200, ARROW_STREAM): OpenApiTypes.BINARY},
    )
    def post(self, request: Request, uuid: UUID) -> HttpResponseBase:
        if not isinstance(request.data, dict):
            raise InvalidInputError("the body must be an object")
        return self._answer(request, uuid, dict(request.data))

    def _answer(self, request: Request, uuid: UUID, given: dict[str, Any]) -> HttpResponseBase:
        wishes = RowsRequestSerializer(data=given)
        wishes.is_valid(raise_exception=True)
        wanted = wishes.validated_data
        as_arrow = request.accepted_renderer.format == ArrowStreamRenderer.format
        limit = wanted.get("limit", None if as_arrow else DEFAULT_ROWS)
        if not as_arrow and limit > MAX_JSON_ROWS:
            raise LimitExceededError(
                f"`limit` is at most {MAX_JSON_ROWS} rows as JSON: ask for `{ARROW_STREAM}`",
                limit="rows",
            )
        scopes = getattr(request.auth, "scopes", None)
        # Whether the caller may know of the dataset is decided, and recorded, with the read.
        dataset = Dataset.objects.live().filter(uuid=uuid).first()
        if dataset is None:
            raise NotFoundError("there is no such dataset")
        read = open_read(
            user=cast("User", request.user),
            dataset=dataset,
            columns=wanted.get("columns"),
            where=wanted.get("where") or None,
            # One row more tells whether there are more.
            limit=limit if as_arrow else limit + 1,
            purpose=wanted.get("purpose") or None,
            scopes=scopes,
        )
        return _arrow_response(read) if as_arrow else _json_response(read, limit=limit)


def _json_response(read: GovernedRead, *, limit: int) -> HttpResponse:
    rows = [list(row.values()) for row in read.reader.read_all().to_pylist(maps_as_pydicts="lossy")]
    document = {
        **describe_read(read),
        "rows": rows[:limit],
        "truncated": len(rows) > limit,
    }
    return HttpResponse(orjson.dumps(document, default=_plain), content_type="application/json")


def _arrow_response(read: GovernedRead) -> StreamingHttpResponse:
    return StreamingHttpResponse(_arrow_chunks(read), content_type=ARROW_STREAM)


def _arrow_chunks(read: GovernedRead) -> Iterator[bytes]:
    """The IPC stream, batch by batch; what failed meanwhile ends it before its end marker."""
    about = orjson.dumps(describe_read(read))
    schema = read.reader.schema.with_metadata({ARROW_METADATA_KEY: about})
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, schema) as writer:
        yield _taken(sink)
        for batch in read.reader:
            writer.write_batch(batch.replace_schema_metadata(schema.metadata))
            yield _taken(sink)
    yield _taken(sink)


def describe_read(read: GovernedRead) -> dict[str, Any]:
    """What the caller may know about how the answer was restricted."""
    return {
        "columns": [
            {
                "name": rule.name,
                "type": rule.type,
                "mask": str(rule.mask) if rule.mask else None,
                "partly_hidden": rule.visible_when is not None,
            }
            for rule in read.columns
        ],
        "row_filter_applied": read.has_row_filter,
        "hidden_columns": read.hidden_columns,
        "reasons": list(read.reasons),
        # Beyond 2^53, which JavaScript's numbers cannot hold.
        "snapshot_id": None if read.snapshot_id is None else str(read.snapshot_id),
    }


def _taken(sink: io.BytesIO) -> bytes:
    written = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return written


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Decimal | timedelta | UUID):
        return str(value)
    raise TypeError(f"no JSON for {type(value).__name__}")
