"""Marquez's openapi.yml as JSON Schema, with the faults mended in which its own server breaks it."""

from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, FormatChecker

SPEC = "specs/marquez/spec/openapi.yml"


def load_schemas(shared: Path) -> dict[str, Any]:
    schemas = yaml.safe_load((shared / SPEC).read_text())["components"]["schemas"]
    _mend(schemas)
    _allow_null(schemas)
    return schemas


def _mend(schemas: dict[str, Any]) -> None:
    text = {"type": "string"}
    # Lists that it calls texts, in the same words ("List of tags.").
    schemas["DatasetVersion"]["properties"]["tags"] = {"type": "array", "items": text}
    # Facets are objects, and a map of facets is no facet.
    for side in ("InputDatasetVersion", "OutputDatasetVersion"):
        schemas[side]["properties"]["facets"] = {"type": "object"}
    schemas["FacetsResult"]["properties"]["facets"] = {"$ref": "#/components/schemas/RunFacets"}
    # Nothing in a Dataset is required, so every Job is one as well.
    data = schemas["GraphNode"]["properties"]["data"]
    data["anyOf"] = data.pop("oneOf")
    schemas["NodeType"]["enum"].append("DATASET_FIELD")
    # Two members of a search result have an empty `type:`.
    for member in ("name", "updatedAt"):
        schemas["SearchResult"]["properties"][member]["type"] = "string"
    # `required` facets come from producers, who leave them out at times: what came is answered.
    schemas["BaseFacet"].pop("required")


def _allow_null(value: Any) -> None:
    """A property that is not required may be null, as in its own examples (`latestRun: null`)."""
    if isinstance(value, dict):
        required = value.get("required", [])
        properties = value.get("properties")
        if isinstance(properties, dict):
            for name, schema in properties.items():
                if name not in required and isinstance(schema, dict):
                    properties[name] = {"anyOf": [schema, {"type": "null"}]}
        for each in value.values():
            _allow_null(each)
    elif isinstance(value, list):
        for each in value:
            _allow_null(each)


class Contract:
    """Checks answers against the schemas, and that no member that Marquez promises is missing."""

    def __init__(self, shared: Path) -> None:
        self.schemas = load_schemas(shared)
        self.validators: dict[str, Draft202012Validator] = {}

    def _validator(self, name: str) -> Draft202012Validator:
        document = {
            "$ref": f"#/components/schemas/{name}",
            "components": {"schemas": self.schemas},
        }
        return self.validators.setdefault(
            name, Draft202012Validator(document, format_checker=FormatChecker())
        )

    def check(self, name: str, answer: Any) -> None:
        errors = self._validator(name).iter_errors(answer)
        found = [f"{list(error.absolute_path)}: {error.message[:300]}" for error in errors]
        assert found == [], f"{name}: {found[:3]}"

    def check_whole(self, name: str, answer: dict[str, Any]) -> None:
        self.check(name, answer)
        assert self.members(name) - answer.keys() == set()

    def members(self, name: str) -> set[str]:
        schema = self.schemas[name]
        found = set(schema.get("properties", ()))
        for each in schema.get("anyOf", ()):
            found |= (
                self.members(each["$ref"].rpartition("/")[2])
                if "$ref" in each
                else set(each["properties"])
            )
        return found
