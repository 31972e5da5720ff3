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


def _parameter(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema, "description": description}


def _choice(name: str, values: tuple[str, ...], default: str, description: str) -> dict[str, Any]:
    return _parameter(name, {"enum": list(values), "default": default}, description)


TEXTS = {"type": "array", "items": {"type": "string"}, "maxItems": 50}
# What every question about a graph may say.
WALK = [
    _parameter(
        "depth",
        {
            "oneOf": [
                {"type": "integer", "minimum": 0, "maximum": 1000},
                {"const": "unlimited"},
            ],
            "default": 20,
        },
        "How many jobs lie on a way",
    ),
    _parameter(
        "budget",
        {"type": "integer", "minimum": 1, "maximum": 20_000, "default": 5_000},
        "Nodes that the answer may hold; the nearest are kept",
    ),
    _parameter("asOf", {"type": "string", "format": "date-time"}, "The graph as it was then"),
    _parameter("namespace", TEXTS, "Show the datasets of these only"),
    _parameter("tag", TEXTS, "Show what bears one of these only"),
]
DIRECTION = _choice("direction", ("both", "upstream", "downstream"), "both", "Along the flow")
FORMAT = _choice("format", ("json", "mermaid", "dot"), "json", "Data or a diagram's text")
GRAPH = {
    "description": "The graph, nearest nodes first; what was cut, and where to go on",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["graph", "cut", "continueFrom", "edgesCut", "budget"],
            }
        },
        "text/vnd.mermaid": {"schema": {"type": "string"}},
        "text/vnd.graphviz": {"schema": {"type": "string"}},
    },
}


def _object(description: str, *required: str) -> dict[str, Any]:
    schema = {"type": "object", "required": list(required)}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


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
                DIRECTION,
                *WALK,
                _choice("level", ("table", "column"), "table", "Datasets and jobs, or fields"),
                _parameter("collapse", {"const": "jobs"}, "Dataset to dataset"),
                FORMAT,
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
                _parameter(
                    "withDownstream",
                    {"type": "boolean", "default": False},
                    "What derives from the fields, too",
                ),
                *WALK,
                FORMAT,
            ],
        ),
    },
    "/api/v1/catalog/lineage/impact": {
        "get": _operation(
            "lineage_impact_retrieve",
            "What is downstream of a node, who owns it, and when it runs next",
            responses={"200": _object("Nearest first", "datasets", "models", "jobs", "hidden")},
            parameters=[NODE_ID, *WALK[:3]],
        ),
    },
    "/api/v1/catalog/lineage/path": {
        "get": _operation(
            "lineage_path_retrieve",
            "The shortest ways between two nodes",
            responses={"200": _object("The ways", "length", "paths", "graph", "cut")},
            parameters=[
                {**NODE_ID, "name": "from"},
                {**NODE_ID, "name": "to"},
                {**DIRECTION, "schema": {**DIRECTION["schema"], "default": "downstream"}},
                FORMAT,
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
