"""Drafts as documents: an ordered list of changes, each one key. The published schema is `draft.schema.json`."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from governance.policy.documents import load_documents
from governance.policy.errors import PolicyDocumentError

SCHEMA_FILE = Path(__file__).with_name("draft.schema.json")


class Wish(NamedTuple):
    """One change as it is written; `pointer` (RFC 6901) is its place."""

    kind: str
    said: Any
    pointer: str


class DraftDocumentError(PolicyDocumentError):
    """The draft breaks the schema; `pointer` (RFC 6901) says where."""

    code = "draft-document"


@cache
def json_schema() -> dict[str, Any]:
    """The published JSON Schema (draft 2020-12) of a draft."""
    schema: dict[str, Any] = json.loads(SCHEMA_FILE.read_text())
    return schema


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(json_schema())


def read_draft(document: Mapping[str, Any]) -> list[Wish]:
    """The changes in their order. Raises DraftDocumentError with a JSON pointer."""
    error = best_match(_validator().iter_errors(document))
    if error is not None:
        pointer = "".join(f"/{each}" for each in error.absolute_path)
        raise DraftDocumentError(error.message[:500], pointer=pointer)
    return [
        Wish(kind, said, f"/changes/{place}/{kind}")
        for place, change in enumerate(document["changes"])
        for kind, said in change.items()
    ]


def load_draft(text: str) -> dict[str, Any]:
    """The one draft in a YAML or JSON text, checked. Raises PolicyDocumentError."""
    documents = load_documents(text)
    if len(documents) != 1:
        raise DraftDocumentError("expected one draft", pointer="")
    read_draft(documents[0])
    return documents[0]
