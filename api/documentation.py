"""What drf-spectacular cannot see of the OpenAPI document: the form of errors, and what operators ask."""

from typing import Any

from drf_spectacular.openapi import AutoSchema

# What the last word of an operation's name says of it.
VERBS = {
    "list": "List",
    "retrieve": "Read",
    "create": "Create",
    "update": "Replace",
    "partial": "Change",
    "destroy": "Delete",
}

PROBLEM = {
    "type": "object",
    "description": "An error (RFC 9457); `code` is stable, and `type` leads to its meaning.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "examples": ["/docs/errors#not-found"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "examples": ["not-found"]},
        "errors": {
            "type": "array",
            "description": "What is wrong with which part of the input.",
            "items": {},
        },
    },
}
PROBLEM_ANSWER = {
    "description": "Any error",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_JSON = {"application/json": {"schema": {"type": "object"}}}


class DescribedSchema(AutoSchema):
    """Gives an operation without a docstring a summary from its name: `groups_list` is "List groups"."""

    def get_summary(self) -> str | None:
        given = super().get_summary()
        if given or self.get_description():
            return given
        *nouns, verb = self.get_operation_id().split("_")
        return f"{VERBS.get(verb, verb.capitalize())} {' '.join(nouns)}"


def _probe(summary: str, *, statuses: dict[str, str], **more: Any) -> dict[str, Any]:
    content = more.pop("content", _JSON)
    answers = {
        status: {"description": text, "content": content} for status, text in statuses.items()
    }
    return {"get": {"summary": summary, "tags": ["operation"], **more, "responses": answers}}


OPERATION_PATHS: dict[str, dict[str, Any]] = {
    "/healthz": _probe(
        "Whether this process serves",
        operationId="healthz",
        security=[{}],
        statuses={"200": "It does"},
    ),
    "/readyz": _probe(
        "Which dependency is down",
        operationId="readyz",
        security=[{}],
        statuses={
            "200": "Every essential one is up",
            "503": "One that every answer needs is down",
        },
    ),
    "/metrics": _probe(
        "Prometheus metrics, for staff",
        operationId="metrics",
        security=[{"token": []}, {"cookieAuth": []}],
        statuses={"200": "The Prometheus text format"},
        content={"text/plain": {"schema": {"type": "string"}}},
    ),
}


def add_what_operators_ask(
    result: dict[str, Any],
    generator: Any,
    request: Any,
    public: bool,  # noqa: FBT001 - drf-spectacular hands it over by name
) -> dict[str, Any]:
    """drf-spectacular's last hook: the probes, and for each operation the form of its errors."""
    del generator, request, public
    result["components"].setdefault("schemas", {})["Problem"] = PROBLEM
    result["paths"].update(OPERATION_PATHS)
    for item in result["paths"].values():
        for operation in item.values():
            if isinstance(operation, dict):
                operation["responses"].setdefault("default", PROBLEM_ANSWER)
    return result
