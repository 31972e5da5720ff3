"""What a landing tells the catalog: one OpenLineage run with its input, its outputs and the columns it copied."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from pyiceberg.schema import Schema

from storage.tables.names import DATASET_NAMESPACE, dotted

PRODUCER = "https://github.com/lakewarden/lakewarden/ingestion"
_SPEC = "https://openlineage.io/spec"
_EVENT_SCHEMA = f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"
JOB_NAMESPACE = "lakewarden"


@dataclass(frozen=True, slots=True)
class DatasetName:
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Output:
    """A dataset that was written: `schema` None for object collections; `copied` names the columns taken over."""

    dataset: DatasetName
    rows: int
    size: int
    files: int
    schema: Schema | None = None
    snapshot_id: int | None = None
    copied: Sequence[str] = field(default_factory=tuple)


def topic_dataset(bootstrap_servers: str, topic: str) -> DatasetName:
    """Name a topic as OpenLineage's naming page asks: `kafka://{first bootstrap host}:{port}`, topic."""
    first = bootstrap_servers.split(",", maxsplit=1)[0].strip()
    return DatasetName(f"kafka://{first}", topic)


def file_dataset(uri: str) -> DatasetName:
    """Name a folder or an object: `file` and the path, or `s3://{bucket}` and the key."""
    parts = urlsplit(uri)
    if parts.scheme in {"", "file"}:
        return DatasetName("file", parts.path)
    return DatasetName(f"{parts.scheme}://{parts.netloc}", parts.path.strip("/"))


def table_dataset(identifier: tuple[str, ...]) -> DatasetName:
    return DatasetName(DATASET_NAMESPACE, dotted(identifier))


def landing_events(
    *,
    source: str,
    run: uuid.UUID,
    started_at: datetime,
    finished_at: datetime,
    inputs: Sequence[DatasetName],
    outputs: Sequence[Output],
) -> list[dict[str, Any]]:
    """Return the START and the COMPLETE event of one committed landing."""
    common = {
        "producer": PRODUCER,
        "schemaURL": _EVENT_SCHEMA,
        "run": {"runId": str(run), "facets": {}},
        "job": {
            "namespace": JOB_NAMESPACE,
            "name": f"land.{source}",
            "facets": {
                "jobType": _facet(
                    "1-0-0/JobTypeJobFacet",
                    processingType="BATCH",
                    integration="LAKEWARDEN",
                    jobType="LANDING",
                )
            },
        },
        "inputs": [{"namespace": i.namespace, "name": i.name, "facets": {}} for i in inputs],
    }
    start = {"eventType": "START", "eventTime": started_at.isoformat(), **common, "outputs": []}
    ended = {
        "eventType": "COMPLETE",
        "eventTime": finished_at.isoformat(),
        **common,
        "outputs": [_output(output, inputs) for output in outputs],
    }
    return [start, ended]


def _facet(name: str, **content: Any) -> dict[str, Any]:
    version, _, definition = name.partition("/")
    return {
        "_producer": PRODUCER,
        "_schemaURL": f"{_SPEC}/facets/{version}/{definition}.json#/$defs/{definition}",
        **content,
    }


def _output(output: Output, inputs: Sequence[DatasetName]) -> dict[str, Any]:
    facets: dict[str, Any] = {}
    if output.schema is not None:
        facets["schema"] = _facet(
            "1-1-1/SchemaDatasetFacet",
            fields=[
                {"name": column.name, "type": str(column.field_type)}
                for column in output.schema.fields
            ],
        )
    if output.copied:
        facets["columnLineage"] = _facet(
            "1-2-0/ColumnLineageDatasetFacet",
            fields={name: {"inputFields": _identity(name, inputs)} for name in output.copied},
        )
    if output.snapshot_id is not None:
        facets["version"] = _facet(
            "1-0-1/DatasetVersionDatasetFacet", datasetVersion=str(output.snapshot_id)
        )
    return {
        "namespace": output.dataset.namespace,
        "name": output.dataset.name,
        "facets": facets,
        "outputFacets": {
            "outputStatistics": _facet(
                "1-0-2/OutputStatisticsOutputDatasetFacet",
                rowCount=output.rows,
                size=output.size,
                fileCount=output.files,
            )
        },
    }


def _identity(column: str, inputs: Sequence[DatasetName]) -> list[dict[str, Any]]:
    return [
        {
            "namespace": each.namespace,
            "name": each.name,
            "field": column,
            "transformations": [
                {"type": "DIRECT", "subtype": "IDENTITY", "description": "", "masking": False}
            ],
        }
        for each in inputs
    ]
