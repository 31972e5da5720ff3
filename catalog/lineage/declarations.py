"""What somebody declares of a dataset, a job or a run, as the OpenLineage event that says the same.

Pure functions: so that what a client writes by the Marquez API goes through the same engine as any event.
Source: OpenLineage spec 2-0-2 and its facets; Marquez's openapi.yml (DbTable, Stream, CreatedJob, CreatedRun).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from catalog.lineage.events import Name
from catalog.lineage.facets import tags_of, text_of
from core.errors import InvalidInputError

PRODUCER = "https://github.com/lakewarden/lakewarden/marquez"
SPEC = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/"
FACETS = "https://openlineage.io/spec/facets/"
# Facets of ours, for what Marquez keeps and OpenLineage has no facet for.
MARQUEZ_FACET = "marquez"
ARGUMENTS_FACET = "marquez_args"
CUSTOM_SCHEMA = f"{SPEC}BaseFacet"

STREAMING = "STREAMING"
JOB_TYPES = {"BATCH": "BATCH", "STREAM": STREAMING, "SERVICE": "SERVICE"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredField:
    """A field as a client declares it."""

    name: str
    type: str = ""
    description: str = ""
    tags: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredDataset:
    """A dataset as a client declares it; `type` is DB_TABLE or STREAM."""

    name: Name
    type: str
    physical_name: str
    source_name: str
    source_url: str = ""
    schema_location: str = ""
    fields: Sequence[DeclaredField] | None = None
    tags: Sequence[str] = ()
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredJob:
    """A job as a client declares it; `type` is BATCH, STREAM or SERVICE."""

    name: Name
    type: str
    inputs: Sequence[Name] = ()
    outputs: Sequence[Name] = ()
    location: str = ""
    context: Mapping[str, str] = field(default_factory=dict)
    description: str = ""


def normalize_tag(text: str) -> str:
    """The tag that `text` means here: `PII` is `pii`; InvalidInputError if nothing is left of it."""
    found = tags_of({"tags": {"tags": [{"key": text, "value": "true"}]}})
    if not found:
        raise InvalidInputError("a tag needs a letter or a digit, and at most 100 characters")
    return found[0][0]


def dataset_event(declared: DeclaredDataset, *, at: datetime, describe: bool) -> dict[str, Any]:
    """A DatasetEvent; with `describe` it tells description and tags as well."""
    return {
        **_envelope(at, "DatasetEvent"),
        "dataset": dataset_member(declared, describe=describe),
    }


def dataset_member(declared: DeclaredDataset, *, describe: bool) -> dict[str, Any]:
    """The dataset as an event holds it."""
    facets = {
        "dataSource": _facet(
            "1-0-1/DatasourceDatasetFacet.json",
            name=declared.source_name,
            uri=declared.source_url,
        ),
        "datasetType": _facet(
            "1-0-0/DatasetTypeDatasetFacet.json",
            datasetType="STREAM" if declared.type == "STREAM" else "TABLE",
        ),
        MARQUEZ_FACET: _custom(
            physicalName=declared.physical_name, schemaLocation=declared.schema_location or None
        ),
    }
    if declared.fields is not None:
        facets["schema"] = _facet(
            "1-1-1/SchemaDatasetFacet.json",
            fields=[
                {"name": each.name, "type": each.type, "description": each.description}
                for each in declared.fields
            ],
        )
    if describe:
        facets |= _description(declared)
    return {"namespace": declared.name.namespace, "name": declared.name.name, "facets": facets}


def _description(declared: DeclaredDataset) -> dict[str, Any]:
    facets: dict[str, Any] = {}
    if declared.description:
        facets["documentation"] = _documentation("Dataset", declared.description)
    tags: list[dict[str, str]] = [
        {"key": normalize_tag(tag), "value": "true", "source": "MARQUEZ"} for tag in declared.tags
    ]
    for each in declared.fields or ():
        tags += [
            {
                "key": normalize_tag(tag),
                "value": "true",
                "source": "MARQUEZ",
                "field": each.name,
            }
            for tag in each.tags
        ]
    if tags:
        facets["tags"] = _facet("1-0-0/TagsDatasetFacet.json", tags=tags)
    return facets


def job_event(declared: DeclaredJob, *, at: datetime) -> dict[str, Any]:
    """A JobEvent: what the job reads and writes, though none of it ran."""
    return {
        **_envelope(at, "JobEvent"),
        "job": _job(declared.name, facets=_job_facets(declared)),
        "inputs": [_named(each) for each in declared.inputs],
        "outputs": [_named(each) for each in declared.outputs],
    }


def job_run_event(declared: DeclaredJob, *, run_id: str, at: datetime) -> dict[str, Any]:
    """The same, told of one run of the job."""
    return {
        **job_event(declared, at=at),
        **_envelope(at, "RunEvent"),
        "eventType": "OTHER",
        "run": {"runId": run_id, "facets": {}},
    }


def _job_facets(declared: DeclaredJob) -> dict[str, Any]:
    facets: dict[str, Any] = {
        "jobType": _facet(
            "2-0-3/JobTypeJobFacet.json",
            processingType=JOB_TYPES[declared.type],
            integration="MARQUEZ",
        )
    }
    if declared.description:
        facets["documentation"] = _documentation("Job", declared.description)
    if declared.location:
        facets["sourceCodeLocation"] = _facet(
            "1-0-1/SourceCodeLocationJobFacet.json", type="url", url=declared.location
        )
    if declared.context:
        facets[MARQUEZ_FACET] = _custom(context=dict(declared.context))
    sql = {key.lower(): value for key, value in declared.context.items()}.get("sql")
    if sql:
        facets["sql"] = _facet("1-0-1/SQLJobFacet.json", query=sql)
    return facets


def run_event(
    job: Name,
    *,
    run_id: str,
    event_type: str,
    at: datetime,
    facets: Mapping[str, Any] | None = None,
    outputs: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """A RunEvent of `event_type` (START, COMPLETE, FAIL, ABORT, OTHER)."""
    return {
        **_envelope(at, "RunEvent"),
        "eventType": event_type,
        "run": {"runId": run_id, "facets": dict(facets or {})},
        "job": _job(job, facets={}),
        "inputs": [],
        "outputs": [dict(each) for each in outputs],
    }


def run_facets(
    *, nominal_start: datetime | None, nominal_end: datetime | None, args: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The facets of a run that a client plans; `args` are kept in a facet of ours."""
    facets: dict[str, Any] = {}
    if nominal_start is not None:
        times = {"nominalStartTime": _instant(nominal_start)}
        if nominal_end is not None:
            times["nominalEndTime"] = _instant(nominal_end)
        facets["nominalTime"] = _facet("1-0-1/NominalTimeRunFacet.json", **times)
    if args:
        facets[ARGUMENTS_FACET] = _custom(args=dict(args))
    return facets


def location_of(job_facets: Mapping[str, Any]) -> str:
    """The URL of the job's code that its facets tell, or ''."""
    return text_of(job_facets, "sourceCodeLocation", "url")


def context_of(job_facets: Mapping[str, Any]) -> dict[str, str]:
    """What Marquez calls the context of a job: what a client declared, and its SQL."""
    told = job_facets.get(MARQUEZ_FACET)
    context = told.get("context") if isinstance(told, Mapping) else None
    found = dict(context) if isinstance(context, Mapping) else {}
    sql = text_of(job_facets, "sql", "query")
    if sql and "sql" not in {key.lower() for key in found}:
        found["sql"] = sql
    return found


def arguments_of(run_facets_: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with which a client planned the run."""
    told = run_facets_.get(ARGUMENTS_FACET)
    args = told.get("args") if isinstance(told, Mapping) else None
    return dict(args) if isinstance(args, Mapping) else {}


def _envelope(at: datetime, definition: str) -> dict[str, Any]:
    return {"eventTime": _instant(at), "producer": PRODUCER, "schemaURL": SPEC + definition}


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _job(name: Name, *, facets: Mapping[str, Any]) -> dict[str, Any]:
    return {"namespace": name.namespace, "name": name.name, "facets": dict(facets)}


def _named(name: Name) -> dict[str, Any]:
    return {"namespace": name.namespace, "name": name.name, "facets": {}}


def _documentation(owner: str, text: str) -> dict[str, Any]:
    return _facet(f"1-0-1/Documentation{owner}Facet.json", description=text)


def _facet(schema: str, **members: Any) -> dict[str, Any]:
    return {"_producer": PRODUCER, "_schemaURL": FACETS + schema, **members}


def _custom(**members: Any) -> dict[str, Any]:
    told = {key: value for key, value in members.items() if value is not None}
    return {"_producer": PRODUCER, "_schemaURL": CUSTOM_SCHEMA, **told}
