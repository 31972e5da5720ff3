"""The OpenAPI 3.1 document, and a page that lists what is in it; nothing of it comes from elsewhere."""

from typing import Any

from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.renderers import JSONRenderer, TemplateHTMLRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

PROBLEM = {
    "description": "RFC 9457 problem details",
    "content": {"application/problem+json": {"schema": {"type": "object"}}},
}
NODE_ID = {
    "name": "nodeId",
    "in": "query",
    "required": True,
    "schema": {"type": "string"},
    "description": "`dataset:NS:NAME`, `job:NS:NAME` or `datasetField:NS:NAME:FIELD`",
}
DEPTH = {
    "name": "depth",
    "in": "query",
    "schema": {"type": "integer", "minimum": 0, "maximum": 1000, "default": 20},
}
GRAPH = {
    "description": "The graph, nearest nodes first",
    "content": {"application/json": {"schema": {"type": "object", "required": ["graph"]}}},
}
EVENT = {"type": "object", "description": "RunEvent, DatasetEvent or JobEvent (OpenLineage 2-0-2)"}


def _operation(
    operation_id: str, summary: str, *, responses: dict[str, Any], **parts: Any
) -> dict[str, Any]:
    return {
        "operationId": operation_id,
        "summary": summary,
        "tags": ["lineage"],
        "security": [{"token": []}, {"cookieAuth": []}],
        "responses": {**responses, "default": PROBLEM},
        **parts,
    }


# The hot paths are plain views, which drf-spectacular does not see.
LINEAGE_PATHS: dict[str, Any] = {
    "/api/v1/lineage": {
        "get": _operation(
            "lineage_retrieve",
            "The lineage graph around a dataset or a job",
            responses={"200": GRAPH},
            parameters=[
                NODE_ID,
                DEPTH,
                {
                    "name": "direction",
                    "in": "query",
                    "schema": {"enum": ["both", "upstream", "downstream"], "default": "both"},
                },
            ],
        ),
        "post": _operation(
            "lineage_create",
            "Record an OpenLineage event",
            responses={"201": {"description": "Recorded, or recorded before"}},
            requestBody={"required": True, "content": {"application/json": {"schema": EVENT}}},
        ),
    },
    "/api/v1/lineage/batch": {
        "post": _operation(
            "lineage_batch_create",
            "Record many OpenLineage events, each by itself",
            responses={
                "200": {"description": "What was recorded, and which events failed and why"}
            },
            requestBody={
                "required": True,
                "content": {
                    "application/json": {"schema": {"type": "array", "items": EVENT}},
                    "application/x-ndjson": {"schema": {"type": "string"}},
                },
            },
        ),
    },
    "/api/v1/column-lineage": {
        "get": _operation(
            "column_lineage_retrieve",
            "The graph of fields around a field, a dataset's fields or a job's outputs",
            responses={"200": GRAPH},
            parameters=[
                NODE_ID,
                DEPTH,
                {
                    "name": "withDownstream",
                    "in": "query",
                    "schema": {"type": "boolean", "default": False},
                },
            ],
        ),
    },
}


class FullSchemaGenerator(SchemaGenerator):
    """drf-spectacular's document with the plain views added."""

    def get_schema(self, request: Any = None, public: bool = False) -> Any:  # noqa: FBT001, FBT002
        schema = super().get_schema(request=request, public=public)  # type: ignore[no-untyped-call]
        schema["paths"] = dict(sorted({**schema["paths"], **LINEAGE_PATHS}.items()))
        return schema


class SchemaView(SpectacularAPIView):
    """The OpenAPI 3.1 document; `Accept: application/json` or YAML by default."""

    generator_class = FullSchemaGenerator


class DocsView(APIView):
    """Every operation on one page."""

    renderer_classes = [TemplateHTMLRenderer, JSONRenderer]

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        schema = FullSchemaGenerator().get_schema(request=request, public=True)  # type: ignore[no-untyped-call]
        return Response(
            {"info": schema["info"], "groups": _groups(schema["paths"])},
            template_name="api/docs.html",
        )


def _groups(paths: dict[str, Any]) -> list[dict[str, Any]]:
    """Operations by the first words of their path, in the order of the document."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, methods in paths.items():
        name = "/".join(path.strip("/").split("/")[:3])
        for method, operation in methods.items():
            groups.setdefault(name, []).append(
                {
                    "method": method.upper(),
                    "path": path,
                    "summary": operation.get("summary")
                    or operation.get("description", "").partition("\n")[0],
                    "parameters": operation.get("parameters", []),
                    "responses": sorted(operation.get("responses", {})),
                }
            )
    return [{"name": name, "operations": rows} for name, rows in groups.items()]
