"""Data contracts (ODCS 3.x) of datasets."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.principal import caller
from api.problems import UnsupportedMediaTypeError
from api.v1.conditional import FIELDS, IF_MATCH, IF_NONE_MATCH, answer, etag_of, require_match
from api.v1.lists import listed, page_of, paging
from api.v1.sight import Sight
from catalog.contracts.documents import JSON_TYPE, MAX_BYTES, YAML_TYPE, read_contract, write_yaml
from catalog.contracts.generate import contract_of
from catalog.models import DataContract, Dataset
from catalog.services.contracts import (
    PARTS,
    apply_contract,
    contract_in_force,
    find_drift,
    put_contract,
)
from core.errors import InvalidInputError, LimitExceededError, NotFoundError
from governance.policy.types import Action
from governance.services.audit import record_export

YAML_TYPES = (YAML_TYPE, "application/x-yaml", "text/yaml")
ORDERS = ("number",)


class YamlRenderer(BaseRenderer):
    """A contract as YAML."""

    media_type = YAML_TYPE
    format = "yaml"
    charset = "utf-8"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Any = None,
    ) -> bytes:
        del accepted_media_type, renderer_context
        return b"" if data is None else write_yaml(dict(data)).encode()


class AnyText(BaseParser):
    """Leaves the body unread: the view reads YAML or JSON up to the limit of a contract."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        del media_type, parser_context
        return stream


class ContractAnswerSerializer(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    fingerprint = serializers.CharField()
    created = serializers.BooleanField(help_text="false: this is the version in force already")
    drift = serializers.JSONField()
    not_taken = serializers.ListField(child=serializers.CharField())


class ContractVersionSerializer(serializers.ModelSerializer[DataContract]):
    class Meta:
        model = DataContract
        fields = ["number", "fingerprint", "media_type", "actor", "created_at"]
        read_only_fields = fields


class DriftSerializer(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    described = serializers.BooleanField()
    breaking = serializers.BooleanField()
    differences = serializers.ListField(child=serializers.JSONField())


class ContractView(APIView):
    """The contract in force (ODCS 3.x, YAML or JSON by `Accept`), or one made of what the catalog knows."""

    parser_classes = [AnyText]
    renderer_classes = [JSONRenderer, YamlRenderer]

    @extend_schema(
        operation_id="catalog_datasets_contract_retrieve",
        parameters=[
            OpenApiParameter(
                "source",
                str,
                enum=["stored", "generated"],
                description="stored if there is one, unless told",
            ),
            IF_NONE_MATCH,
        ],
        responses={(200, JSON_TYPE): OpenApiTypes.OBJECT, (200, YAML_TYPE): OpenApiTypes.STR},
    )
    def get(self, request: Request, uuid: UUID) -> Response | HttpResponse:
        row = Sight(request).dataset(uuid, action=Action.VIEW_METADATA)
        source = request.query_params.get("source")
        if source not in {None, "stored", "generated"}:
            raise InvalidInputError("`source` must be stored or generated")
        stored = None if source == "generated" else contract_in_force(row)
        if stored is None and source == "stored":
            raise NotFoundError("the dataset has no contract")
        document = stored.document if stored else contract_of(_with_version(row))
        record_export(principal=caller(request), form="odcs", resource=row.node_id)
        wants_yaml = isinstance(request.accepted_renderer, YamlRenderer)
        if stored is not None and wants_yaml and stored.media_type == YAML_TYPE:
            return _as_it_came(request, stored)
        return answer(request, document)

    @extend_schema(
        operation_id="catalog_datasets_contract_update",
        parameters=[
            OpenApiParameter(
                "apply",
                str,
                description=f"what to take into the entry as well: {', '.join(PARTS)}; by commas",
            ),
            IF_MATCH,
        ],
        request={YAML_TYPE: OpenApiTypes.STR, JSON_TYPE: OpenApiTypes.OBJECT},
        responses={200: ContractAnswerSerializer, 201: ContractAnswerSerializer},
    )
    @transaction.atomic
    def put(self, request: Request, uuid: UUID) -> Response:
        """Put a new version, checked against the standard's schema, and tell where the dataset differs from it."""
        found = Sight(request).dataset(uuid, action=Action.MANAGE)
        row = Dataset.objects.select_for_update(no_key=True, of=("self",)).get(pk=found.pk)
        present = contract_in_force(row)
        require_match(request, present.document if present else {})
        parts = _parts(request.query_params.get("apply"))
        source, media_type = _body(request._request)  # noqa: SLF001 - DRF keeps Django's request there
        document = read_contract(source, media_type=media_type)
        actor = request.user.get_username()
        stored, created = put_contract(
            row, document=document, source=source.decode(), media_type=media_type, actor=actor
        )
        left = apply_contract(row, document=document, parts=parts, actor=actor)
        data = {
            "number": stored.number,
            "fingerprint": stored.fingerprint,
            "created": created,
            "drift": find_drift(row, document),
            "not_taken": left,
        }
        code = status.HTTP_201_CREATED if created else status.HTTP_200_OK
        # The tag of the contract itself, as `GET` gives it.
        return Response(data, code, headers={"ETag": etag_of(document)})


def _as_it_came(request: Request, stored: DataContract) -> HttpResponse | Response:
    """The YAML text as it was put, comments and all."""
    tagged = answer(request, stored.document)
    if tagged.status_code != status.HTTP_200_OK:
        return tagged
    return HttpResponse(
        stored.source, content_type=f"{YAML_TYPE}; charset=utf-8", headers={"ETag": tagged["ETag"]}
    )


def _body(request: HttpRequest) -> tuple[bytes, str]:
    kind = request.content_type or ""
    if kind != JSON_TYPE and kind not in YAML_TYPES:
        raise UnsupportedMediaTypeError(f"`Content-Type` must be {YAML_TYPE} or {JSON_TYPE}")
    source = request.read(MAX_BYTES + 1)
    if len(source) > MAX_BYTES:
        raise LimitExceededError("the contract is too large", limit="body", max_bytes=MAX_BYTES)
    return source, JSON_TYPE if kind == JSON_TYPE else YAML_TYPE


def _parts(raw: str | None) -> list[str]:
    parts = raw.split(",") if raw else []
    if not set(parts) <= {*PARTS}:
        raise InvalidInputError(f"`apply` must be of {', '.join(PARTS)}")
    return parts


def _with_version(row: Dataset) -> Dataset:
    return Dataset.objects.select_related("current_version", "domain").get(pk=row.pk)


class ContractVersionListView(APIView):
    """The versions of a contract, newest first."""

    @extend_schema(
        operation_id="catalog_datasets_contract_versions_list",
        parameters=paging(*ORDERS),
        responses=ContractVersionSerializer(many=True),
    )
    def get(self, request: Request, uuid: UUID) -> Response:
        row = Sight(request).dataset(uuid, action=Action.VIEW_METADATA)
        rows, cursor = page_of(
            row.contracts.defer("document", "source"), request, orders=ORDERS, default="-number"
        )
        return listed(
            request,
            rows,
            cursor,
            render=lambda each: ContractVersionSerializer(each).data,
            members=ContractVersionSerializer().fields,
        )


class ContractVersionView(APIView):
    """One version of a contract, whole."""

    renderer_classes = [JSONRenderer, YamlRenderer]

    @extend_schema(
        operation_id="catalog_datasets_contract_versions_retrieve",
        parameters=[IF_NONE_MATCH],
        responses={(200, JSON_TYPE): OpenApiTypes.OBJECT, (200, YAML_TYPE): OpenApiTypes.STR},
    )
    def get(self, request: Request, uuid: UUID, number: int) -> Response:
        row = Sight(request).dataset(uuid, action=Action.VIEW_METADATA)
        found = row.contracts.filter(number=number).first()
        if found is None:
            raise NotFoundError("there is no such version")
        return answer(request, found.document)


class ContractDriftView(APIView):
    """Where the present schema differs from the contract in force."""

    @extend_schema(parameters=[FIELDS, IF_NONE_MATCH], responses=DriftSerializer)
    def get(self, request: Request, uuid: UUID) -> Response:
        row = Sight(request).dataset(uuid, action=Action.VIEW_METADATA)
        stored = contract_in_force(row)
        if stored is None:
            raise NotFoundError("the dataset has no contract")
        return answer(request, {"number": stored.number, **find_drift(row, stored.document)})
