"""What clients send, checked (openapi.yml, CreatedNamespace, CreatedSource, DbTable, Stream, CreatedJob, CreatedRun)."""

# ruff: noqa: N815 - the members bear Marquez's names

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request

from catalog.connection_urls import may_hold_credentials, without_credentials
from catalog.lineage.declarations import DeclaredDataset, DeclaredField, DeclaredJob
from catalog.lineage.events import Name

MAX_FIELDS = 20_000
MAX_DATASETS = 2_000
MAX_TAGS = 100
MAX_CONTEXT = 100


class NamespaceBody(serializers.Serializer[Any]):
    ownerName = serializers.CharField(max_length=500)
    description = serializers.CharField(
        required=False, allow_null=True, allow_blank=True, max_length=100_000
    )


class SourceBody(serializers.Serializer[Any]):
    type = serializers.CharField(max_length=100)
    connectionUrl = serializers.CharField(max_length=2_000)
    description = serializers.CharField(
        required=False, allow_null=True, allow_blank=True, max_length=100_000
    )

    def validate_connectionUrl(self, url: str) -> str:  # noqa: N802 - DRF names it after the member
        if may_hold_credentials(without_credentials(url)):
            raise serializers.ValidationError("must hold no user name and no password")
        return url


class TagBody(serializers.Serializer[Any]):
    description = serializers.CharField(
        required=False, allow_null=True, allow_blank=True, max_length=10_000
    )


def _tags() -> serializers.ListField:
    return serializers.ListField(
        child=serializers.CharField(max_length=200),
        required=False,
        allow_null=True,
        max_length=MAX_TAGS,
    )


class FieldBody(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=500, trim_whitespace=False)
    type = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=500)
    tags = _tags()
    description = serializers.CharField(
        required=False, allow_null=True, allow_blank=True, max_length=100_000
    )


class DatasetBody(serializers.Serializer[Any]):
    type = serializers.ChoiceField(choices=["DB_TABLE", "STREAM"])
    physicalName = serializers.CharField(max_length=1_000)
    sourceName = serializers.CharField(max_length=500)
    fields = FieldBody(many=True, required=False, allow_null=True)  # type: ignore[assignment]
    tags = _tags()
    description = serializers.CharField(
        required=False, allow_null=True, allow_blank=True, max_length=100_000
    )
    schemaLocation = serializers.CharField(
        required=False, allow_null=True, allow_blank=True, max_length=2_000
    )
    runId = serializers.UUIDField(required=False, allow_null=True)

    def validate_fields(self, rows: list[Any] | None) -> list[Any] | None:
        if rows is not None and len(rows) > MAX_FIELDS:
            raise serializers.ValidationError(f"a dataset has at most {MAX_FIELDS} fields")
        return rows


class NameBody(serializers.Serializer[Any]):
    namespace = serializers.CharField(max_length=500)
    name = serializers.CharField(max_length=1_000)


class JobBody(serializers.Serializer[Any]):
    type = serializers.ChoiceField(choices=["BATCH", "STREAM", "SERVICE"])
    inputs = NameBody(many=True, required=False)
    outputs = NameBody(many=True, required=False)
    location = serializers.CharField(
        required=False, allow_null=True, allow_blank=True, max_length=2_000
    )
    context = serializers.DictField(  # type: ignore[assignment]
        child=serializers.CharField(max_length=1_000_000, allow_blank=True),
        required=False,
        allow_null=True,
    )
    description = serializers.CharField(
        required=False, allow_null=True, allow_blank=True, max_length=100_000
    )
    runId = serializers.UUIDField(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        for side in ("inputs", "outputs"):
            if len(attrs.get(side) or ()) > MAX_DATASETS:
                raise serializers.ValidationError({side: f"at most {MAX_DATASETS} datasets"})
        if len(attrs.get("context") or ()) > MAX_CONTEXT:
            raise serializers.ValidationError({"context": f"at most {MAX_CONTEXT} entries"})
        return attrs


class RunBody(serializers.Serializer[Any]):
    id = serializers.UUIDField(required=False, allow_null=True)
    nominalStartTime = serializers.CharField(required=False, allow_null=True, max_length=64)
    nominalEndTime = serializers.CharField(required=False, allow_null=True, max_length=64)
    args = serializers.DictField(required=False, allow_null=True)


def read_body(request: Request, body: type[serializers.Serializer[Any]]) -> dict[str, Any]:
    """The checked members of the request's body."""
    read = body(data=request.data)
    read.is_valid(raise_exception=True)
    return dict(read.validated_data)


def declared_dataset(name: Name, values: dict[str, Any], *, source_url: str) -> DeclaredDataset:
    """What a checked DatasetBody declares."""
    fields = values.get("fields")
    return DeclaredDataset(
        name=name,
        type=values["type"],
        physical_name=values["physicalName"],
        source_name=values["sourceName"],
        source_url=source_url,
        schema_location=values.get("schemaLocation") or "",
        fields=None if fields is None else [_declared_field(each) for each in fields],
        tags=values.get("tags") or (),
        description=values.get("description") or "",
    )


def _declared_field(values: dict[str, Any]) -> DeclaredField:
    return DeclaredField(
        name=values["name"],
        type=values.get("type") or "",
        description=values.get("description") or "",
        tags=values.get("tags") or (),
    )


def declared_job(name: Name, values: dict[str, Any]) -> DeclaredJob:
    """What a checked JobBody declares."""
    return DeclaredJob(
        name=name,
        type=values["type"],
        inputs=[Name(**each) for each in values.get("inputs") or ()],
        outputs=[Name(**each) for each in values.get("outputs") or ()],
        location=values.get("location") or "",
        context=values.get("context") or {},
        description=values.get("description") or "",
    )
