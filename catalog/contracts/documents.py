"""Contracts as text: YAML or JSON in, a checked document out, and back."""

import functools
import re
from pathlib import Path
from typing import Any

import orjson
import yaml
from jsonschema import Draft201909Validator
from jsonschema.exceptions import best_match
from referencing import Registry

from core.errors import InvalidInputError, LimitExceededError, UnprocessableError

SCHEMA_FILE = Path(__file__).with_name("odcs-json-schema-v3.1.0.json")
API_VERSION = "v3.1.0"
MAX_BYTES = 1 << 20
MAX_DEPTH = 64
YAML_TYPE, JSON_TYPE = "application/yaml", "application/json"
_THREE = re.compile(r"v3\.\d+\.\d+")


class _Loader(yaml.CSafeLoader):
    """YAML's JSON-like part: a date stays the text that it was, as the standard's schema wants it."""


_Loader.yaml_implicit_resolvers = {
    first: [each for each in resolvers if each[0] != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def read_contract(source: bytes, *, media_type: str) -> dict[str, Any]:
    """The contract of a YAML or JSON text.

    InvalidInputError if it is neither, LimitExceededError if it is larger than 1 MiB or nests deeper than 64,
    UnprocessableError with the JSON pointer of the fault if it is no contract of ODCS 3.x.
    """
    if len(source) > MAX_BYTES:
        raise LimitExceededError("the contract is too large", limit="body", max_bytes=MAX_BYTES)
    document = _read_json(source) if media_type == JSON_TYPE else _read_yaml(source)
    _check_depth(document)
    if not isinstance(document, dict):
        raise UnprocessableError("a contract is an object", pointer="")
    version = document.get("apiVersion")
    if not isinstance(version, str) or not _THREE.fullmatch(version):
        raise UnprocessableError("`apiVersion` must be v3.x of ODCS", pointer="/apiVersion")
    fault = best_match(_validator().iter_errors(document))
    if fault is not None:
        pointer = "".join(f"/{_escaped(str(part))}" for part in fault.absolute_path)
        told = (
            f"must fit `{fault.validator}` of the ODCS schema: {str(fault.validator_value)[:200]}"
        )
        raise UnprocessableError(f"`{pointer or '/'}` {told}", pointer=pointer)
    return document


def write_yaml(document: dict[str, Any]) -> str:
    """The contract as YAML, in the order of its keys."""
    return yaml.dump(
        document, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=100
    )


@functools.cache
def _validator() -> Draft201909Validator:
    # INVARIANT: an empty registry: a `$ref` never makes the server fetch anything.
    return Draft201909Validator(orjson.loads(SCHEMA_FILE.read_bytes()), registry=Registry())


def _read_json(source: bytes) -> Any:
    try:
        return orjson.loads(source)
    except orjson.JSONDecodeError as error:
        if error.msg.startswith("depth limit"):
            raise _too_deep() from None
        raise InvalidInputError(
            f"the body is not JSON: {error.msg}", line=error.lineno, column=error.colno
        ) from None


def _read_yaml(source: bytes) -> Any:
    try:
        text = source.decode()
        _check_events(text)
        # A subclass of the safe loader: it makes no objects.
        return yaml.load(text, Loader=_Loader)  # noqa: S506
    except UnicodeDecodeError:
        raise InvalidInputError("the body is not UTF-8") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise InvalidInputError(
            f"the body is not YAML: {error.problem}", line=mark.line + 1 if mark else None
        ) from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise InvalidInputError("the body is not YAML") from None


def _check_events(text: str) -> None:
    """Refuse what would grow when it is read: an alias stands for a whole tree, and may do so again and again."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise UnprocessableError("a contract must not use YAML aliases", pointer="")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise _too_deep()


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        for each in level:
            _check_leaf(each)
        level = [
            child
            for parent in level
            if isinstance(parent, dict | list)
            for child in (parent.values() if isinstance(parent, dict) else parent)
        ]
        if not level:
            return
    raise _too_deep()


def _check_leaf(value: Any) -> None:
    """Refuse what JSON or PostgreSQL does not know: NUL, infinity, huge numbers, keys that are no text."""
    if isinstance(value, dict) and not all(isinstance(key, str) for key in value):
        raise UnprocessableError("the keys of a contract are texts")
    texts = [value, *value] if isinstance(value, dict) else [value]
    if any(isinstance(text, str) and "\0" in text for text in texts):
        raise InvalidInputError("a text must not hold the character U+0000")
    if isinstance(value, float) and not (value - value == 0):
        raise UnprocessableError("a number must be finite")
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        raise UnprocessableError("a whole number must fit into 64 bits")
    if value is not None and not isinstance(value, str | int | float | bool | dict | list):
        raise UnprocessableError("a contract holds texts, numbers, lists and objects only")


def _escaped(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")


def _too_deep() -> LimitExceededError:
    return LimitExceededError("the contract nests too deep", limit="depth", max_depth=MAX_DEPTH)
