"""`GET /api/v1/lineage` and `/api/v1/column-lineage`, in the shape of Marquez (its openapi.yml, LineageGraph)."""

from dataclasses import replace
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse

from api.openlineage.access import principal_from
from api.openlineage.fields import answer_fields
from api.openlineage.questions import Question, read_question
from api.openlineage.sights import Sights
from api.openlineage.tables import answer_tables
from catalog.lineage.formats import to_dot, to_mermaid
from core.errors import InvalidInputError


def get_lineage(request: HttpRequest) -> HttpResponse:
    """The graph around a dataset, a job, or the dataset of a field; of fields with `level=column`."""
    sights = Sights(principal_from(request))
    question = read_question(request.GET)
    return render_answer(answer(question, sights=sights), question.format)


def get_column_lineage(request: HttpRequest) -> HttpResponse:
    """The graph of fields around a field, a dataset's fields, or the fields that a job writes."""
    sights = Sights(principal_from(request))
    with_downstream = request.GET.get("withDownstream", "false").lower()
    if with_downstream not in {"true", "false"}:
        raise InvalidInputError("`withDownstream` must be true or false")
    direction = "both" if with_downstream == "true" else "upstream"
    question = read_question(request.GET, direction=direction, level="column")
    question = replace(question, level="column")
    return render_answer(answer(question, sights=sights), question.format)


def answer(question: Question, *, sights: Sights) -> dict[str, Any]:
    """The answer to a question of either level. NotFoundError if the caller sees no such node."""
    if question.level == "column":
        return answer_fields(question, sights=sights)
    return answer_tables(question, sights=sights)


def render_text(body: dict[str, Any], format_: str) -> bytes:
    """An answer as JSON, Mermaid or DOT."""
    if format_ == "mermaid":
        return to_mermaid(body["graph"]).encode()
    if format_ == "dot":
        return to_dot(body["graph"]).encode()
    return orjson.dumps(body)


CONTENT_TYPES = {
    "json": "application/json",
    "mermaid": "text/vnd.mermaid; charset=utf-8",
    "dot": "text/vnd.graphviz; charset=utf-8",
}


def render_answer(body: dict[str, Any], format_: str) -> HttpResponse:
    """The same as a response. In a diagram, that it was cut is told by the header `X-Lakewarden-Cut`."""
    response = HttpResponse(render_text(body, format_), content_type=CONTENT_TYPES[format_])
    if format_ != "json" and (body.get("cut") or body.get("edgesCut")):
        response["X-Lakewarden-Cut"] = "true"
    return response
