"""Reading the `lineage` facets: lineage that a producer states as such, of a dataset or, entry by entry, of a job.

Source: OpenLineage facet LineageFacet 1-0-0 (LineageDatasetFacet, LineageJobFacet). What it tells of columns is put into the
form of a `columnLineage` facet, so that there is one reader of those (`catalog.lineage.columns`). Malformed parts are left
to the raw facet. An entry about another job tells nothing of the event's own, and is kept as it came.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Pair = tuple[str, str]  # namespace and name
FACET = "lineage"
COLUMNS_FACET = "columnLineage"


@dataclass(slots=True)
class Stated:
    """What is stated of one target: the datasets that feed it, and its columns in the form of a `columnLineage` facet."""

    sources: dict[Pair, None] = field(default_factory=dict)
    fields: dict[str, dict[str, Any]] = field(default_factory=dict)
    whole: list[Mapping[str, Any]] = field(default_factory=list)

    def add(self, told: Mapping[str, Any]) -> None:
        """Add the members `inputs` and `fields` of a facet or of an entry."""
        for row in _dataset_inputs(told.get("inputs")):
            self.sources[row["namespace"], row["name"]] = None
            if isinstance(row.get("field"), str):
                self.whole.append(row)
        entries = told.get("fields")
        for target, entry in entries.items() if isinstance(entries, Mapping) else ():
            rows = list(_dataset_inputs(entry.get("inputs") if isinstance(entry, Mapping) else ()))
            self.sources |= dict.fromkeys((row["namespace"], row["name"]) for row in rows)
            if named := [row for row in rows if isinstance(row.get("field"), str)]:
                known = self.fields.setdefault(target, {"inputFields": []})
                known["inputFields"] += named

    def add_columns(self, facet: Any) -> None:
        """Add what a `columnLineage` facet tells besides."""
        if not isinstance(facet, Mapping):
            return
        entries = facet.get("fields")
        for target, entry in entries.items() if isinstance(entries, Mapping) else ():
            if isinstance(entry, Mapping):
                more = self.fields.get(target, {}).get("inputFields", [])
                rows = entry.get("inputFields")
                both = [*(rows if isinstance(rows, list) else ()), *more]
                self.fields[target] = {**entry, "inputFields": both}
        rows = facet.get("dataset")
        self.whole += rows if isinstance(rows, list) else ()

    @property
    def columns(self) -> Mapping[str, Any] | None:
        """A `columnLineage` facet, None where nothing is stated of columns."""
        if not self.fields and not self.whole:
            return None
        return {"fields": self.fields, "dataset": self.whole}

    @property
    def column_sources(self) -> dict[Pair, None]:
        """The datasets that the columns come from."""
        rows = [row for entry in self.fields.values() for row in entry["inputFields"]]
        named = (row for row in (*rows, *self.whole) if isinstance(row, Mapping) and _is_named(row))
        return dict.fromkeys((row["namespace"], row["name"]) for row in named)


@dataclass(slots=True)
class JobLineage:
    """What the facet of a job states: of each dataset that it writes, and which datasets it reads besides."""

    targets: dict[Pair, Stated] = field(default_factory=dict)
    sources: dict[Pair, None] = field(default_factory=dict)


def read_job_lineage(facets: Mapping[str, Any], *, job: Pair) -> JobLineage:
    """The entries of a job's `lineage` facet that are about `job` itself."""
    found = JobLineage()
    facet = facets.get(FACET)
    entries = facet.get("entries") if isinstance(facet, Mapping) else None
    for entry in entries if isinstance(entries, list) else ():
        if not isinstance(entry, Mapping):
            continue
        if entry.get("type") == "JOB" and _is_own(entry, job):
            rows = _dataset_inputs(entry.get("inputs"))
            found.sources |= dict.fromkeys((row["namespace"], row["name"]) for row in rows)
        elif entry.get("type") == "DATASET" and _is_named(entry) and not _is_foreign(entry, job):
            target = found.targets.setdefault((entry["namespace"], entry["name"]), Stated())
            target.add(entry)
    return found


def _is_foreign(entry: Mapping[str, Any], job: Pair) -> bool:
    """Whether all that feeds the target is other jobs."""
    inputs = entry.get("inputs")
    rows = [row for row in inputs if isinstance(row, Mapping)] if isinstance(inputs, list) else []
    others = [row for row in rows if row.get("type") == "JOB" and not _is_own(row, job)]
    return bool(others) and len(others) == len(rows) and not entry.get("fields")


def _is_own(row: Mapping[str, Any], job: Pair) -> bool:
    """Without namespace and name it is the event's own job."""
    return (row.get("namespace", job[0]), row.get("name", job[1])) == job


def _dataset_inputs(rows: Any) -> Iterator[Mapping[str, Any]]:
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, Mapping) and row.get("type", "DATASET") == "DATASET" and _is_named(row):
            yield row


def _is_named(row: Mapping[str, Any]) -> bool:
    return isinstance(row.get("namespace"), str) and isinstance(row.get("name"), str)
