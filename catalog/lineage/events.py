"""Reading OpenLineage events: strict about what would corrupt, lenient about what real producers get wrong.

Source: OpenLineage spec 2-0-2 (`OpenLineage.json`). Refused with the JSON pointer of the fault: no job name, no
run id, no time, a dataset without a name. Taken: no `schemaURL`, a time without zone (UTC), a run id that is
no UUID (a stable one is made of it), unknown facets and members.

A DatasetEvent whose facets tell where the dataset comes from (`lineage`, `columnLineage`) stands for a job that nobody named:
lineage leads from dataset to job to dataset.
"""

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, NamedTuple

import orjson

from catalog.lineage.explicit import COLUMNS_FACET, FACET, JobLineage, Stated, read_job_lineage
from core.errors import InvalidInputError

MAX_NAMESPACE = 500
MAX_NAME = 1000
MAX_DATASETS = 2_000

# A run id that is no UUID becomes uuid5 of this and the job's name: stable, and never another job's run.
RUN_NAMESPACE = uuid.UUID("5d0f6c8e-6a0c-5c5e-9a1e-6f1d2d3b7a11")

# Namespace of the jobs that DatasetEvents stand for. Their names are made of the datasets' and do not tell them:
# who sees a source sees the job that reads it, and may not know of what it writes.
STATED_NAMESPACE = "stated-lineage"

TERMINAL = {"COMPLETE": "COMPLETED", "FAIL": "FAILED", "ABORT": "ABORTED"}
STATES = {"START": "RUNNING", "RUNNING": "RUNNING", **TERMINAL}


class InvalidEventError(InvalidInputError):
    """The event would corrupt the catalog; `pointer` (RFC 6901) leads to the fault."""

    code = "invalid-event"


class Name(NamedTuple):
    """The OpenLineage name of a dataset or a job; a tuple, since its hash and order are asked for with every event."""

    namespace: str
    name: str


@dataclass(frozen=True, kw_only=True)
class EventDataset:
    """A dataset as one event tells of it."""

    name: Name
    direction: str  # "input", "output", or "" in a DatasetEvent
    facets: Mapping[str, Any] = field(default_factory=dict)
    use_facets: Mapping[str, Any] = field(default_factory=dict)  # inputFacets or outputFacets
    # Column lineage that `lineage` facets state, with what `columnLineage` tells; None: there is only the latter.
    stated_columns: Mapping[str, Any] | None = None

    @property
    def column_lineage(self) -> Any:
        """All that the event tells of the columns, in the form of a `columnLineage` facet; None if that is nothing."""
        return self.stated_columns or self.facets.get(COLUMNS_FACET)

    @property
    def use_direction(self) -> str:
        """`input` or `output`: a DatasetEvent that tells lineage tells it of an output."""
        return self.direction or "output"

    @cached_property
    def facets_hash(self) -> bytes:
        """16 bytes: equal if and only if the same facets are told in the same direction."""
        return hash_facets(self.facets, self.direction)

    @property
    def symlinks(self) -> list[tuple[Name, str]]:
        """Other names of the dataset with their type; malformed ones are left to the raw facet."""
        facet = self.facets.get("symlinks")
        rows = facet.get("identifiers") if isinstance(facet, Mapping) else None
        found = []
        for row in rows if isinstance(rows, list) else []:
            if isinstance(row, Mapping) and _is_name(row.get("namespace"), row.get("name")):
                name = Name(row["namespace"], row["name"])
                if name != self.name:
                    found.append((name, str(row.get("type") or "")[:60]))
        return found

    @property
    def renamed_from(self) -> Name | None:
        """The former name in a RENAME (facet `lifecycleStateChange`)."""
        facet = self.facets.get("lifecycleStateChange")
        if not isinstance(facet, Mapping) or facet.get("lifecycleStateChange") != "RENAME":
            return None
        former = facet.get("previousIdentifier")
        if not isinstance(former, Mapping):
            return None
        if not _is_name(former.get("namespace"), former.get("name")):
            return None
        name = Name(former["namespace"], former["name"])
        return name if name != self.name else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event that can be recorded. `job` and `run_id` are None where its kind has none."""

    kind: str  # "run", "dataset" or "job"
    time: datetime
    type: str
    run_id: uuid.UUID | None
    job: Name | None
    run_facets: Mapping[str, Any]
    job_facets: Mapping[str, Any]
    datasets: tuple[EventDataset, ...]
    parent_job: Name | None
    parent_run_id: uuid.UUID | None
    digest: bytes
    payload: Mapping[str, Any]
    # The payload as JSON with sorted keys.
    raw: bytes

    @property
    def state(self) -> str | None:
        """The run state that the event tells of, None for OTHER. Other than a RunEvent it stands for a run that is done."""
        return STATES.get(self.type) if self.kind == "run" else "COMPLETED"

    @property
    def is_failed(self) -> bool:
        """Whether the run is told to have failed: what it meant to write was not written."""
        return self.type in {"FAIL", "ABORT"}


def parse_event(payload: Any) -> Event:
    """Return the event, or raise InvalidEventError with the pointer of the first fault."""
    if not isinstance(payload, Mapping):
        raise InvalidEventError("an event must be a JSON object", pointer="")
    digest, raw, clean = _digest(payload)
    kind = _kind(clean)
    datasets = _datasets(clean, kind)
    job = _stating_job(datasets[0]) if kind == "dataset" else _job_name(clean)
    job_facets = _facets(clean.get("job"), "/job") if kind != "dataset" else {}
    run_facets = _facets(clean.get("run"), "/run")
    parent_job, parent_run_id = read_parent(run_facets)
    return Event(
        kind=kind,
        time=read_time(clean.get("eventTime"), pointer="/eventTime"),
        type=str(clean.get("eventType") or "OTHER").upper()[:20] if kind == "run" else "",
        run_id=_run_id(clean, job, digest) if job else None,
        job=job,
        run_facets=run_facets,
        job_facets=job_facets,
        datasets=_with_stated(datasets, job=job, job_facets=job_facets) if job else datasets,
        parent_job=parent_job,
        parent_run_id=parent_run_id,
        digest=digest,
        payload=clean,
        raw=raw,
    )


def read_time(value: Any, *, pointer: str) -> datetime:
    """An ISO 8601 instant in UTC; a time without zone is taken as UTC."""
    if not isinstance(value, str):
        raise InvalidEventError("an ISO 8601 time is needed", pointer=pointer)
    text = value.strip()
    if "[" in text:  # Java's ZonedDateTime: …Z[UTC]
        text = text[: text.index("[")]
    try:
        moment = datetime.fromisoformat(_trim_fraction(text))
    except ValueError:
        raise InvalidEventError("the time is not ISO 8601", pointer=pointer) from None
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        raise InvalidEventError("the time is out of range", pointer=pointer) from None


def read_run_id(value: Any, *, job: Name, pointer: str) -> uuid.UUID:
    """The run's UUID, or a stable one made of any other text."""
    if not isinstance(value, str | int) or isinstance(value, bool) or not str(value).strip():
        raise InvalidEventError("a run needs a `runId`", pointer=pointer)
    try:
        return uuid.UUID(str(value))
    except ValueError:
        return uuid.uuid5(RUN_NAMESPACE, f"{job.namespace}\x1f{job.name}\x1f{value}")


def _trim_fraction(text: str) -> str:
    """Nanoseconds cut to the microseconds that Python and PostgreSQL hold."""
    head, dot, tail = text.partition(".")
    if not dot:
        return text
    digits = len(tail) - len(tail.lstrip("0123456789"))
    return f"{head}.{tail[: min(digits, 6)]}{tail[digits:]}" if digits else text


def hash_facets(facets: Mapping[str, Any], *context: str) -> bytes:
    """16 bytes of BLAKE2 over facets and the context in which they were told."""
    text = orjson.dumps([context, facets], option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(text, digest_size=16).digest()


def _digest(payload: Mapping[str, Any]) -> tuple[bytes, bytes, Mapping[str, Any]]:
    """SHA-256 of the event with sorted keys, that text, and the event without NUL characters, which jsonb cannot hold."""
    try:
        raw = orjson.dumps(payload, option=orjson.OPT_SORT_KEYS)
    except (orjson.JSONEncodeError, TypeError, RecursionError):
        raise InvalidEventError("the event is not plain JSON", pointer="") from None
    digest = hashlib.sha256(raw).digest()
    if b"\\u0000" in raw:
        raw = raw.replace(b"\\u0000", b"\\ufffd")
        payload = orjson.loads(raw)
    return digest, raw, payload


def _kind(payload: Mapping[str, Any]) -> str:
    """By the members that it has: `run`, else `dataset` with no job (DatasetEvent), else JobEvent."""
    if payload.get("run") is not None:
        return "run"
    schema = str(payload.get("schemaURL") or "")
    if payload.get("dataset") is not None:
        return "dataset"
    if payload.get("job") is None or schema.endswith("/RunEvent") or payload.get("eventType"):
        raise InvalidEventError("a run event needs `run`, a job event `job`", pointer="/run")
    return "job"


def _job_name(payload: Mapping[str, Any]) -> Name:
    return _read_name(payload.get("job"), "/job")


def _run_id(payload: Mapping[str, Any], job: Name, digest: bytes) -> uuid.UUID:
    if payload.get("run") is None:
        return uuid.uuid5(RUN_NAMESPACE, digest.hex())
    run = payload.get("run")
    if not isinstance(run, Mapping):
        raise InvalidEventError("`run` must be an object", pointer="/run")
    return read_run_id(run.get("runId"), job=job, pointer="/run/runId")


def read_parent(run_facets: Mapping[str, Any]) -> tuple[Name | None, uuid.UUID | None]:
    """Job and run of the facet `parent` (or `parentRun`, its name before spec 1-0-0); None where malformed."""
    facet = run_facets.get("parent") or run_facets.get("parentRun")
    if not isinstance(facet, Mapping):
        return None, None
    try:
        job = _read_name(facet.get("job"), "")
        run = facet.get("run")
        return job, read_run_id(
            run.get("runId") if isinstance(run, Mapping) else None, job=job, pointer=""
        )
    except InvalidEventError:
        return None, None


def _datasets(payload: Mapping[str, Any], kind: str) -> tuple[EventDataset, ...]:
    if kind == "dataset":
        return (_dataset(payload.get("dataset"), "/dataset", direction=""),)
    found: list[EventDataset] = []
    for member, direction in (("inputs", "input"), ("outputs", "output")):
        rows = payload.get(member) or []
        if not isinstance(rows, list):
            raise InvalidEventError(f"`{member}` must be an array", pointer=f"/{member}")
        if len(rows) > MAX_DATASETS:
            raise InvalidEventError(f"at most {MAX_DATASETS} datasets", pointer=f"/{member}")
        found += [
            _dataset(row, f"/{member}/{index}", direction=direction)
            for index, row in enumerate(rows)
        ]
    return tuple(found)


def _dataset(row: Any, pointer: str, *, direction: str) -> EventDataset:
    name = _read_name(row, pointer)
    uses = row.get("inputFacets" if direction == "input" else "outputFacets") or {}
    if not isinstance(uses, Mapping):
        raise InvalidEventError("facets must be an object", pointer=pointer)
    return EventDataset(
        name=name, direction=direction, facets=_facets(row, pointer), use_facets=uses
    )


def _stating_job(told: EventDataset) -> Name | None:
    """The job that a DatasetEvent stands for if it tells where the dataset comes from."""
    if not any(isinstance(told.facets.get(name), Mapping) for name in (FACET, COLUMNS_FACET)):
        return None
    key = uuid.uuid5(RUN_NAMESPACE, f"{told.name.namespace}\x1f{told.name.name}")
    return Name(STATED_NAMESPACE, str(key))


def _with_stated(
    datasets: tuple[EventDataset, ...], *, job: Name, job_facets: Mapping[str, Any]
) -> tuple[EventDataset, ...]:
    """The datasets with the lineage that `lineage` facets state of them, and those that only such a facet names."""
    told = [each for each in datasets if each.direction != "input" and FACET in each.facets]
    if not (told or FACET in job_facets or (datasets and not datasets[0].direction)):
        return datasets
    lineage = read_job_lineage(job_facets, job=job)
    found = [_with_columns(each, lineage=lineage) for each in datasets]
    outputs = {each.name for each in found if each.direction != "input"}
    found += [
        _with_columns(EventDataset(name=Name(*name), direction="output"), lineage=lineage)
        for name in list(lineage.targets)
        if name not in outputs and _is_name(*name)
    ]
    inputs = {each.name for each in found if each.direction == "input"}
    found += [
        EventDataset(name=Name(*name), direction="input")
        for name in lineage.sources
        if name not in inputs and _is_name(*name)
    ]
    if len(found) > 2 * MAX_DATASETS:
        raise InvalidEventError(f"at most {2 * MAX_DATASETS} datasets", pointer="")
    return tuple(found)


def _with_columns(told: EventDataset, *, lineage: JobLineage) -> EventDataset:
    """The dataset with what is stated of its columns; `lineage` learns what feeds it."""
    if told.direction == "input":
        return told
    stated = lineage.targets.get(told.name, Stated())
    facet = told.facets.get(FACET)
    if isinstance(facet, Mapping):
        stated.add(facet)
    has_columns = stated.columns is not None
    stated.add_columns(told.facets.get(COLUMNS_FACET))
    lineage.sources |= stated.sources
    if not told.direction:
        lineage.sources |= stated.column_sources
    return replace(told, stated_columns=stated.columns) if has_columns else told


def _facets(owner: Any, pointer: str) -> Mapping[str, Any]:
    if not isinstance(owner, Mapping):
        return {}
    facets = owner.get("facets")
    if facets is None:
        return {}
    if not isinstance(facets, Mapping):
        raise InvalidEventError("`facets` must be an object", pointer=f"{pointer}/facets")
    return facets


def _read_name(owner: Any, pointer: str) -> Name:
    if not isinstance(owner, Mapping):
        raise InvalidEventError("an object with `namespace` and `name` is needed", pointer=pointer)
    for member, longest in (("namespace", MAX_NAMESPACE), ("name", MAX_NAME)):
        value = owner.get(member)
        if not isinstance(value, str) or not 0 < len(value) <= longest:
            raise InvalidEventError(
                f"`{member}` must be a text of 1 to {longest} characters",
                pointer=f"{pointer}/{member}",
            )
    return Name(owner["namespace"], owner["name"])


def _is_name(namespace: Any, name: Any) -> bool:
    return (
        isinstance(namespace, str)
        and isinstance(name, str)
        and 0 < len(namespace) <= MAX_NAMESPACE
        and 0 < len(name) <= MAX_NAME
    )
