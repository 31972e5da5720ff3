"""Policy documents: YAML or JSON in, `Policy` out, and back. The published schema is `policy.schema.json`.

Reading is strict: an unknown key, a doubled key, an alias or a wrong type is an error with its place, because a policy
that is half understood is worse than none.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from governance.policy.errors import PolicyDocumentError, RowFilterError
from governance.policy.masks import Mask
from governance.policy.readers import (
    check_keys,
    read_instant,
    read_mapping,
    read_name,
    read_one_of,
    read_scalars,
    read_text,
    read_texts,
)
from governance.policy.rows import parse_row_filter
from governance.policy.types import (
    Action,
    Allow,
    Deny,
    EntityId,
    FilterRows,
    MaskColumns,
    Policy,
    PolicyEffect,
    Scope,
    SubjectMatch,
)

MAX_DOCUMENT_BYTES = 256 * 1024
SCHEMA_FILE = Path(__file__).with_name("policy.schema.json")

_TOP = frozenset(
    {"name", "description", "applies_to", "subjects", "except", "purpose", "valid", "effect"}
)
_SCOPE = {
    "domain": "domains",
    "tags": "tags",
    "kind": "kinds",
    "name": "names",
    "namespace": "namespaces",
    "field_tags": "field_tags",
    "fields": "fields",
}
_SUBJECTS = frozenset({"users", "groups", "attributes"})
_EFFECTS = ("allow", "deny", "row_filter", "column_mask")


class _StrictLoader(yaml.SafeLoader):
    """YAML without the parts that surprise: no aliases (they can explode), no doubled keys (the last would win)."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise PolicyDocumentError("YAML aliases are not allowed", pointer="")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002  # PyYAML's signature
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        doubled = {str(key) for key in keys if keys.count(key) > 1}
        if doubled:
            names = ", ".join(f"`{key}`" for key in sorted(doubled))
            raise PolicyDocumentError(f"key {names} is given twice", pointer="")
        return super().construct_mapping(node, deep=deep)


# instants stay text, so that a document is JSON whichever way it came in
_StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load_documents(text: str) -> list[dict[str, Any]]:
    """The mappings in a YAML stream or JSON text. Raises PolicyDocumentError."""
    if len(text.encode()) > MAX_DOCUMENT_BYTES:
        raise PolicyDocumentError(f"expected {MAX_DOCUMENT_BYTES} bytes or less", pointer="")
    try:
        # a subclass of SafeLoader: it builds plain values only
        loaded = list(yaml.load_all(text, Loader=_StrictLoader))
    except (yaml.YAMLError, RecursionError) as error:
        raise PolicyDocumentError(f"not YAML: {_problem(error)}", pointer="") from error
    documents = [each for each in loaded if each is not None]
    for place, document in enumerate(documents):
        if not isinstance(document, dict):
            raise PolicyDocumentError("expected a mapping", pointer=f"/{place}")
    return documents


def dump_documents(documents: Iterable[Mapping[str, Any]]) -> str:
    """YAML text that `load_documents` reads back to the same mappings."""
    return yaml.safe_dump_all(
        [dict(each) for each in documents], sort_keys=False, allow_unicode=True, width=100
    )


def parse_policy(
    document: Mapping[str, Any], *, policy_id: EntityId = None, version: int = 0
) -> Policy:
    """The policy that `document` states. Raises PolicyDocumentError with a JSON pointer."""
    check_keys(document, _TOP, "")
    for key in ("name", "applies_to", "effect"):
        if key not in document:
            raise PolicyDocumentError(f"`{key}` is missing", pointer="")
    scope = parse_scope(document["applies_to"])
    effect = _effect(document["effect"], scope)
    valid = read_mapping(document.get("valid", {}), "/valid")
    check_keys(valid, {"from", "until"}, "/valid")
    return Policy(
        id=policy_id,
        version=version,
        name=read_name(document["name"]),
        description=read_text(document.get("description", ""), "/description", empty=True),
        scope=scope,
        effect=effect,
        subjects=_subjects(document.get("subjects", {}), "/subjects", more=frozenset()),
        exempt=_exempt(document),
        purposes=frozenset(read_texts(document.get("purpose", []), "/purpose", empty=True)),
        valid_from=read_instant(valid.get("from"), "/valid/from"),
        valid_until=read_instant(valid.get("until"), "/valid/until"),
    )


def read_policy(
    document: Mapping[str, Any], *, name: str, policy_id: EntityId, version: int
) -> Policy:
    """Like `parse_policy`, for stored documents: one that cannot be read becomes a policy that denies everything."""
    try:
        return parse_policy(document, policy_id=policy_id, version=version)
    except PolicyDocumentError as error:
        return Policy(id=policy_id, name=name, version=version, error=error.message)


def json_schema() -> dict[str, Any]:
    """The published JSON Schema (draft 2020-12) of one policy document."""
    schema: dict[str, Any] = json.loads(SCHEMA_FILE.read_text())
    return schema


def parse_scope(given: Any) -> Scope:
    """Which datasets a document applies to. Raises PolicyDocumentError."""
    mapping = read_mapping(given, "/applies_to")
    check_keys(mapping, set(_SCOPE), "/applies_to")
    if not mapping:
        raise PolicyDocumentError(
            "expected at least one condition; `name: '*'` is every dataset", pointer="/applies_to"
        )
    return Scope(
        **{
            _SCOPE[key]: tuple(read_texts(value, f"/applies_to/{key}"))
            for key, value in mapping.items()
        }
    )


def _subjects(given: Any, pointer: str, *, more: frozenset[str]) -> SubjectMatch:
    mapping = read_mapping(given, pointer)
    check_keys(mapping, _SUBJECTS | more, pointer)
    attributes = read_mapping(mapping.get("attributes", {}), f"{pointer}/attributes")
    return SubjectMatch(
        users=frozenset(read_texts(mapping.get("users", []), f"{pointer}/users", empty=True)),
        groups=frozenset(read_texts(mapping.get("groups", []), f"{pointer}/groups", empty=True)),
        attributes={
            read_text(name, f"{pointer}/attributes"): frozenset(
                read_scalars(value, f"{pointer}/attributes/{name}")
            )
            for name, value in attributes.items()
        },
        purposes=frozenset(
            read_texts(mapping.get("purpose", []), f"{pointer}/purpose", empty=True)
        ),
    )


def _exempt(document: Mapping[str, Any]) -> SubjectMatch | None:
    if "except" not in document:
        return None
    match = _subjects(document["except"], "/except", more=frozenset({"purpose"}))
    if match == SubjectMatch():
        # matching everybody, it would switch the policy off
        raise PolicyDocumentError("expected at least one exception", pointer="/except")
    return match


def _effect(given: Any, scope: Scope) -> PolicyEffect:
    mapping = read_mapping(given, "/effect")
    check_keys(mapping, set(_EFFECTS), "/effect")
    if len(mapping) != 1:
        raise PolicyDocumentError(f"expected one of {', '.join(_EFFECTS)}", pointer="/effect")
    key, value = next(iter(mapping.items()))
    pointer = f"/effect/{key}"
    if scope.fields and key != "column_mask":
        raise PolicyDocumentError("only a column mask names fields", pointer="/applies_to/fields")
    if key == "row_filter":
        return _row_filter(value, pointer)
    if key == "column_mask":
        if not scope.fields and not scope.field_tags:
            raise PolicyDocumentError(
                "a column mask needs `field_tags` or `fields`", pointer="/applies_to"
            )
        return MaskColumns(Mask(read_one_of(value, [mask.value for mask in Mask], pointer)))
    actions = frozenset(
        Action(read_one_of(each, [action.value for action in Action], pointer))
        for each in read_texts(value, pointer)
    )
    return Allow(actions) if key == "allow" else Deny(actions)


def _row_filter(value: Any, pointer: str) -> FilterRows:
    sql = read_text(value, pointer)
    try:
        parse_row_filter(sql)
    except RowFilterError as error:
        raise PolicyDocumentError(error.message, pointer=pointer) from error
    return FilterRows(sql)


def _problem(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
    return f"{getattr(error, 'problem', None) or 'too deep'}{where}"
