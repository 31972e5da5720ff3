"""Export and import of the whole catalog as NDJSON streams (`docs/reference/bulk.md`)."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import orjson
import structlog
from django.conf import settings
from django.db import DatabaseError
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.parsers import BaseParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.middleware import IMPORT_TYPES
from api.pagination import KeysetPagination, decode_cursor, encode_cursor
from api.principal import caller
from api.problems import UnsupportedMediaTypeError, problem_document
from api.v1.streams import asker
from catalog.models import CatalogImport
from catalog.queries.export import KINDS, export_lines, line_of
from catalog.services.bulk.imports import Outcome, begin_import, run_import
from catalog.services.bulk.streams import parsed_chunks
from core.errors import (
    InvalidInputError,
    LakewardenError,
    NotFoundError,
    UnavailableError,
)
from governance.bulk import ImportRights, export_sight
from governance.services.audit import record_export
from governance.vocabulary import is_administrator
from identity.models import User

NDJSON = "application/x-ndjson"
MAX_LINE_NUMBER = 1 << 62

logger = structlog.get_logger(__name__)


class NdjsonRenderer(JSONRenderer):
    """Lets `Accept: application/x-ndjson` be taken; the streams write themselves."""

    media_type = NDJSON
    format = "ndjson"


class LineStream(BaseParser):
    """Leaves the body unread: the import reads it up to its own limit."""

    media_type = IMPORT_TYPES[0]

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        del media_type, parser_context
        return stream


class JsonLineStream(LineStream):
    media_type = IMPORT_TYPES[1]


class ExportView(APIView):
    """What the caller may see as NDJSON, one entry a line, in an order that an import takes.

    A line of the kind `cursor` after each batch says where to go on if the stream is cut off. Constant memory.
    """

    renderer_classes = [NdjsonRenderer, JSONRenderer]

    @extend_schema(
        operation_id="catalog_export",
        parameters=[
            OpenApiParameter("kinds", str, description=f"of {', '.join(KINDS)}; by commas"),
            OpenApiParameter("cursor", str, description="of a line of the kind `cursor`"),
        ],
        responses={(200, NDJSON): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        kinds = _kinds(request.query_params.get("kinds"))
        after = _place(request.query_params.get("cursor"))
        ask = asker(request)
        record_export(principal=caller(request), form="ndjson", asked={"kinds": list(kinds)})
        return StreamingHttpResponse(
            _exported(lambda: export_sight(ask()), kinds, after), content_type=NDJSON
        )


def _exported(
    look: Callable[[], Any], kinds: tuple[str, ...], after: tuple[str, int] | None
) -> Iterator[bytes]:
    try:
        for item, place in export_lines(look, kinds=kinds, after=after):
            yield line_of(item)
            if place is not None:
                yield line_of({"kind": "cursor", "cursor": encode_cursor(list(place))})
    except LakewardenError as error:
        # The status is sent already: a last line tells that this is not the whole.
        yield orjson.dumps({"kind": "problem", "problem": problem_document(error)}) + b"\n"


def _kinds(raw: str | None) -> tuple[str, ...]:
    if raw is None:
        return KINDS
    wanted = tuple(raw.split(","))
    if not set(wanted) <= set(KINDS):
        raise InvalidInputError(f"`kinds` must be of {', '.join(KINDS)}")
    return wanted


def _place(raw: str | None) -> tuple[str, int] | None:
    if not raw:
        return None
    value = decode_cursor(raw)
    match value:
        case [str(kind), int(pk)] if kind in KINDS and 0 <= pk < 1 << 63:
            return kind, pk
    raise InvalidInputError("`cursor` must be one that a former export gave")


class ImportSerializer(serializers.ModelSerializer[CatalogImport]):
    class Meta:
        model = CatalogImport
        fields = [
            "uuid",
            "state",
            "acknowledged_line",
            "digest",
            "created",
            "updated",
            "unchanged",
            "refused",
            "created_at",
            "updated_at",
        ]
        read_only_fields = fields


class ImportProblemSerializer(serializers.Serializer[Any]):
    line = serializers.IntegerField()
    problem = serializers.JSONField()


class ImportView(APIView):
    """Take a stream of NDJSON lines, as an export writes them, in transactions of 5,000 lines.

    The answer is NDJSON, too, while the stream is read: a line for each refused line, one after each chunk that is
    committed, and a last one. After a break the same stream with `import` goes on where it stood.
    """

    parser_classes = [LineStream, JsonLineStream]
    renderer_classes = [NdjsonRenderer, JSONRenderer]

    @extend_schema(
        operation_id="catalog_import",
        parameters=[
            OpenApiParameter("import", UUID, description="id of the import to begin or go on with"),
            OpenApiParameter(
                "first_line", int, description="number of the body's first line; 1 if not given"
            ),
        ],
        request={NDJSON: OpenApiTypes.STR},
        responses={(200, NDJSON): OpenApiTypes.STR},
    )
    def post(self, request: Request) -> StreamingHttpResponse:
        raw: HttpRequest = request._request  # noqa: SLF001
        if raw.content_type not in IMPORT_TYPES:
            raise UnsupportedMediaTypeError(f"`Content-Type` must be {' or '.join(IMPORT_TYPES)}")
        coding = raw.headers.get("Content-Encoding", "identity").strip().lower()
        if coding not in {"identity", "gzip"}:
            raise InvalidInputError("`Content-Encoding` must be gzip or identity")
        first_line = _line_number(request.query_params.get("first_line"))
        user: User = request.user  # type: ignore[assignment]
        key = _uuid(request.query_params.get("import"))
        row = begin_import(user=user, uuid=key, first_line=first_line)
        ask = asker(request)
        chunks = parsed_chunks(
            _whole(raw),
            gzipped=coding == "gzip",
            max_bytes=settings.LAKEWARDEN.max_import_bytes,
            first_line=first_line,
            # A stream from line 1 is compared with what came before; one that leaves that out cannot be.
            passed_line=row.acknowledged_line if first_line > 1 else 0,
            cuts=row.cuts,
        )
        outcomes = run_import(
            row, chunks=chunks, rights=lambda: ImportRights(ask()), actor=user.get_username()
        )
        return StreamingHttpResponse(_told(row, outcomes), content_type=NDJSON)


def _whole(request: HttpRequest) -> Callable[[int], bytes]:
    """Reads the body; InvalidInputError if it ends before its `Content-Length`: the client is gone."""
    length = request.META.get("CONTENT_LENGTH") or ""
    expected = int(length) if length.isdecimal() else None
    seen = 0

    def read(size: int) -> bytes:
        nonlocal seen
        block: bytes = request.read(size)
        seen += len(block)
        if not block and expected is not None and seen < expected:
            raise InvalidInputError("the body is cut off")
        return block

    return read


def _told(row: CatalogImport, outcomes: Iterator[Outcome]) -> Iterator[bytes]:
    """The answer, line by line. What fails now cannot change the status: the last line tells it."""
    mark = row.acknowledged_line
    yield _line({"import": str(row.uuid), "acknowledged_line": mark})
    try:
        for outcome in outcomes:
            mark = outcome.acknowledged_line
            for number, error in sorted(outcome.refused.items()):
                yield _line({"line": number, "problem": problem_document(error)})
            yield _line({"acknowledged_line": mark, **outcome.counts})
    except LakewardenError as error:
        yield _line({"problem": problem_document(error), "acknowledged_line": mark})
    except (DatabaseError, OSError) as error:
        logger.exception("an import broke off", import_id=str(row.uuid), exc_info=error)
        broken = UnavailableError("the import broke off; go on with it by its id")
        yield _line({"problem": problem_document(broken), "acknowledged_line": mark})
    else:
        row.refresh_from_db()
        yield _line(ImportSerializer(row).data)


def _line(value: Any) -> bytes:
    return orjson.dumps(value) + b"\n"


def _uuid(raw: str | None) -> UUID | None:
    try:
        return UUID(raw) if raw else None
    except ValueError:
        raise InvalidInputError("`import` must be a UUID") from None


def _line_number(raw: str | None) -> int:
    if raw is None:
        return 1
    if not raw.isdecimal() or not raw.isascii() or not 1 <= int(raw[:20]) <= MAX_LINE_NUMBER:
        raise InvalidInputError("`first_line` must be a whole number from 1")
    return int(raw)


class ImportListView(APIView):
    """The caller's imports, newest first; all of them for administrators."""

    newest_first = True

    @extend_schema(operation_id="catalog_imports_list", responses=ImportSerializer(many=True))
    def get(self, request: Request) -> Response:
        pages = KeysetPagination()
        rows = pages.paginate_queryset(_shown(request), request, view=self)
        return pages.get_paginated_response(ImportSerializer(rows, many=True).data)


class ImportDetailView(APIView):
    """How far an import has come."""

    @extend_schema(operation_id="catalog_imports_retrieve", responses=ImportSerializer)
    def get(self, request: Request, uuid: UUID) -> Response:
        return Response(ImportSerializer(_find(request, uuid)).data)


class ImportProblemListView(APIView):
    """The refused lines of an import; of each import the first 10,000 are kept."""

    @extend_schema(responses=ImportProblemSerializer(many=True))
    def get(self, request: Request, uuid: UUID) -> Response:
        pages = KeysetPagination()
        found = _find(request, uuid).problems.all()
        rows: list[Any] = pages.paginate_queryset(found, request, view=self)
        return pages.get_paginated_response(
            [{"line": row.line, "problem": row.problem} for row in rows]
        )


def _shown(request: Request) -> QuerySet[CatalogImport]:
    if is_administrator(caller(request)):
        return CatalogImport.objects.all()
    return CatalogImport.objects.filter(user=request.user.pk)


def _find(request: Request, uuid: UUID) -> CatalogImport:
    found = _shown(request).filter(uuid=uuid).first()
    if found is None:
        raise NotFoundError("there is no such import")
    return found
