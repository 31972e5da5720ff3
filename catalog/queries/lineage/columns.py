"""What an answer says of fields and of the edges between them."""

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from catalog.queries.lineage.rows import as_array, fetch

_FIELDS: Final = """
SELECT f.id, f.name, f.type, d.id, d.namespace, d.name
FROM catalog_field f JOIN catalog_dataset d ON d.id = f.dataset_id WHERE f.id = ANY(%s::bigint[])
"""
_EDGES: Final = """
SELECT e.source_id, e.target_id, e.type, e.subtype, e.description, e.masking, e.origin, j.namespace, j.name
FROM catalog_fieldedge e LEFT JOIN catalog_job j ON j.id = e.job_id WHERE e.id = ANY(%s::bigint[]) ORDER BY e.id
"""
_TAGGED: Final = """
SELECT l.field_id FROM catalog_fieldtag l JOIN catalog_tag t ON t.id = l.tag_id
WHERE l.field_id = ANY(%s::bigint[]) AND t.name = ANY(%s)
"""


class FieldRow(NamedTuple):
    """A field in an answer, with its dataset."""

    id: int
    name: str
    type: str
    dataset_id: int
    namespace: str
    dataset: str

    @property
    def node_id(self) -> str:
        """The lineage node id, as Marquez writes it."""
        return f"datasetField:{self.namespace}:{self.dataset}:{self.name}"


class FieldEdgeRow(NamedTuple):
    """How one field comes from another, in the words of OpenLineage's columnLineage facet."""

    source: int
    target: int
    type: str
    subtype: str
    description: str
    masking: bool
    origin: str
    job_namespace: str | None
    job_name: str | None


def name_fields(ids: Sequence[int]) -> dict[int, FieldRow]:
    """The fields by id; one query."""
    return {row[0]: FieldRow(*row) for row in fetch(_FIELDS, as_array(ids))}


def describe_edges(ids: Sequence[int]) -> list[FieldEdgeRow]:
    """The field edges of these ids, oldest first; one query."""
    return [FieldEdgeRow(*row) for row in fetch(_EDGES, as_array(ids))]


def tagged_fields(ids: Collection[int], *, tags: Collection[str]) -> set[int]:
    """Those of the fields that bear one of the tags; one query."""
    return {row[0] for row in fetch(_TAGGED, as_array(ids), list(tags))}
