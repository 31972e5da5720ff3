"""Custom properties: their definitions, and values that are checked against them at writing."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from django.db import IntegrityError, transaction
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError, best_match
from referencing import Registry
from referencing.exceptions import Unresolvable

from catalog.models import (
    Domain,
    DomainProperties,
    Field,
    FieldProperties,
    Job,
    JobProperties,
    PropertyDefinition,
)
from catalog.models.properties import PROPERTY_PATTERN, PropertyTarget
from core import audit
from core.errors import ConflictError, InvalidInputError, UnprocessableError

MAX_SCHEMA_BYTES = 64_000
MAX_PROPERTIES_BYTES = 100_000
MAX_PROPERTY_NAME = 100


@dataclass(frozen=True)
class PropertyChecks:
    """The declared properties of one kind of entry, each with its validator."""

    validators: Mapping[str, Draft202012Validator]

    def check(self, values: Mapping[str, Any], *, former: Mapping[str, Any] | None = None) -> None:
        """Raise UnprocessableError, with the JSON pointer of the fault, for an undeclared property or a bad value.

        What is in `former` unchanged passes: a definition that came or changed later does not lock an entry.
        """
        if len(orjson.dumps(values)) > MAX_PROPERTIES_BYTES:
            raise InvalidInputError(
                f"`properties` must be an object of at most {MAX_PROPERTIES_BYTES} bytes"
            )
        for name, value in values.items():
            if former is not None and name in former and former[name] == value:
                continue
            validator = self.validators.get(name)
            if validator is None:
                raise UnprocessableError(
                    f"no property `{name[:MAX_PROPERTY_NAME]}` is declared",
                    pointer=f"/properties/{_escaped(name)}",
                )
            _check_value(name, value, validator=validator)


def _check_value(name: str, value: Any, *, validator: Draft202012Validator) -> None:
    try:
        fault = best_match(validator.iter_errors(value))
    except Unresolvable:
        raise UnprocessableError(f"the schema of property `{name}` has a broken `$ref`") from None
    if fault is not None:
        path = "/".join(_escaped(str(part)) for part in [name, *fault.absolute_path])
        raise UnprocessableError(
            f"property `{name}`: {_told(fault)}", pointer=f"/properties/{path}"
        )


def _told(fault: ValidationError) -> str:
    """What the schema expects, not what was there: a value may be long."""
    return f"must fit `{fault.validator}`: {str(fault.validator_value)[:200]}"


def _escaped(part: str) -> str:
    """A part of a JSON pointer (RFC 6901 §3)."""
    return part.replace("~", "~0").replace("/", "~1")


def load_checks(target: str) -> PropertyChecks:
    """The checks that hold now for a kind of entry; one query."""
    rows = PropertyDefinition.objects.filter(applies_to=target)
    return PropertyChecks({row.name: _validator(row.schema) for row in rows})


def _validator(schema: Any) -> Draft202012Validator:
    # INVARIANT: an empty registry: a `$ref` never makes the server fetch anything.
    return Draft202012Validator(
        schema, registry=Registry(), format_checker=Draft202012Validator.FORMAT_CHECKER
    )


@transaction.atomic
def define_property(
    *, name: str, applies_to: str, schema: Any, description: str = "", actor: str
) -> PropertyDefinition:
    """Declare a property; ConflictError if it is, UnprocessableError if the schema is none."""
    if len(name) > MAX_PROPERTY_NAME or not re.fullmatch(PROPERTY_PATTERN, name):
        raise InvalidInputError(
            "`name` must be lower-case words joined by dots, such as `retention_days`"
        )
    if applies_to not in PropertyTarget.values:
        raise InvalidInputError(f"`applies_to` must be one of {', '.join(PropertyTarget.values)}")
    check_schema(schema)
    try:
        with transaction.atomic():
            row = PropertyDefinition.objects.create(
                name=name, applies_to=applies_to, schema=schema, description=description
            )
    except IntegrityError:
        raise ConflictError(f"property `{name}` of {applies_to} is declared") from None
    _record(row, verb="define", actor=actor, payload={"schema": schema})
    return row


@transaction.atomic
def change_property(row: PropertyDefinition, *, schema: Any, description: str, actor: str) -> None:
    """Replace schema and description. Values that are there stay, and are checked when they change."""
    check_schema(schema)
    if (row.schema, row.description) == (schema, description):
        return
    row.schema, row.description = schema, description
    row.save(update_fields=["schema", "description", "updated_at"])
    _record(row, verb="change", actor=actor, payload={"schema": schema})


@transaction.atomic
def remove_property(row: PropertyDefinition, *, actor: str) -> None:
    """End a declaration. Values that are there stay until they are replaced."""
    _record(row, verb="remove", actor=actor, payload={})
    row.delete()


def check_schema(schema: Any) -> None:
    """Raise UnprocessableError unless this is a JSON Schema of draft 2020-12 that refers only to itself."""
    if not isinstance(schema, dict | bool):
        raise UnprocessableError("`schema` must be an object or a boolean", pointer="/schema")
    if len(orjson.dumps(schema)) > MAX_SCHEMA_BYTES:
        raise UnprocessableError(f"`schema` has at most {MAX_SCHEMA_BYTES} bytes")
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        path = "/".join(_escaped(str(part)) for part in error.absolute_path)
        raise UnprocessableError(
            f"`schema` is no JSON Schema: {error.message[:200]}",
            pointer=f"/schema/{path}".rstrip("/"),
        ) from None
    foreign = next((each for each in _references(schema) if not each.startswith("#")), None)
    if foreign is not None:
        raise UnprocessableError("`$ref` must point into the schema itself (`#…`)")


def _references(schema: Any) -> list[str]:
    found: list[str] = []
    waiting = [schema]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            found += [
                value
                for key, value in each.items()
                if key in {"$ref", "$dynamicRef"} and isinstance(value, str)
            ]
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
    return found


def set_field_properties(field: Field, *, properties: Mapping[str, Any], actor: str) -> bool:
    """Replace the properties of a field; tell whether anything changed."""
    resource = field.dataset.node_id
    return _set(
        FieldProperties, {"field": field}, properties, actor=actor, resource=resource, noun="field"
    )


def set_job_properties(job: Job, *, properties: Mapping[str, Any], actor: str) -> bool:
    """Replace the properties of a job; tell whether anything changed."""
    return _set(
        JobProperties, {"job": job}, properties, actor=actor, resource=job.node_id, noun="job"
    )


def set_domain_properties(domain: Domain, *, properties: Mapping[str, Any], actor: str) -> bool:
    """Replace the properties of a domain; tell whether anything changed."""
    resource = f"domain:{domain.slug}"
    return _set(
        DomainProperties,
        {"domain": domain},
        properties,
        actor=actor,
        resource=resource,
        noun="domain",
    )


@transaction.atomic
def _set(
    model: type[FieldProperties | JobProperties | DomainProperties],
    key: dict[str, Any],
    properties: Mapping[str, Any],
    *,
    actor: str,
    resource: str,
    noun: str,
) -> bool:
    row, _ = model._default_manager.select_for_update().get_or_create(**key)  # noqa: SLF001 - Django's documented name
    if row.values == properties:
        return False
    load_checks(noun).check(properties, former=row.values)
    row.values = dict(properties)
    row.save(update_fields=["values", "updated_at"])
    payload: dict[str, Any] = {"properties": dict(properties)}
    if noun == "field":
        payload["field"] = key["field"].name
    audit.record(actor=actor, action=f"{noun}.set_properties", resource=resource, payload=payload)
    return True


def _record(row: PropertyDefinition, *, verb: str, actor: str, payload: dict[str, Any]) -> None:
    audit.record(
        actor=actor,
        action=f"property.{verb}",
        resource=f"property:{row.applies_to}:{row.name}",
        payload=payload,
    )
