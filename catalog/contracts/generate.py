"""A contract of what the catalog knows of a dataset, for one that nobody has written."""

from typing import Any

from catalog.contracts.columns import logical_type_of
from catalog.contracts.documents import API_VERSION
from catalog.models import Dataset, Field


def contract_of(row: Dataset) -> dict[str, Any]:
    """ODCS 3.1: schema, descriptions, tags, owners as team, custom properties. Its status is `draft`: nobody promised it.

    The caller may view the metadata of `row`.
    """
    version = row.current_version
    document: dict[str, Any] = {
        "apiVersion": API_VERSION,
        "kind": "DataContract",
        "id": str(row.uuid),
        "name": f"{row.namespace}:{row.name}",
        "version": f"{version.number if version else 0}.0.0",
        "status": "draft",
    }
    if row.domain is not None:
        document["domain"] = row.domain.slug
    product = row.product_ports.filter(direction="output").select_related("product").first()
    if product is not None and product.product.domain_id == row.domain_id:
        document["dataProduct"] = product.product.name
    if row.description:
        document["description"] = {"purpose": row.description}
    tags = sorted(link.tag.name for link in row.dataset_tags.select_related("tag"))
    if tags:
        document["tags"] = tags
    document["schema"] = [_object(row)]
    owners = row.owners.select_related("user", "group").order_by("pk")
    if members := [{"username": str(each), "role": "owner"} for each in owners]:
        document["team"] = {"members": members}
    if row.properties:
        document["customProperties"] = [
            {"property": name, "value": value} for name, value in sorted(row.properties.items())
        ]
    return document


def _object(row: Dataset) -> dict[str, Any]:
    fields = row.fields.present().prefetch_related("field_tags__tag").order_by("ordinal", "pk")
    return {
        "name": row.name.rpartition(".")[2] or row.name,
        "physicalName": row.name,
        "physicalType": row.kind,
        "logicalType": "object",
        "properties": [_property(each) for each in fields],
    }


def _property(field: Field) -> dict[str, Any]:
    """A nested field is told by its dotted name, as the catalog knows it."""
    found: dict[str, Any] = {"name": field.name}
    if field.type:
        found["physicalType"] = field.type
    if logical := logical_type_of(field.type):
        found["logicalType"] = logical
    found["required"] = not field.nullable
    if field.description:
        found["description"] = field.description
    if tags := sorted(link.tag.name for link in field.field_tags.all()):
        found["tags"] = tags
    return found
