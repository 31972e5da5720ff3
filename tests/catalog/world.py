"""Events for tests, and the state that they leave, in words that do not depend on ids or on arrival."""

from typing import Any

from catalog.models import (
    Dataset,
    DatasetEdge,
    DatasetTelling,
    Field,
    FieldEdge,
    Job,
    Run,
    RunDataset,
)
from catalog.queries.job_pages import newest_runs
from catalog.queries.runs import events_of_run, facets_of_run, uses_of_runs

PRODUCER = "https://example.org/producer"


def dataset(
    name: str, *, namespace: str = "db", fields=(), columns=None, symlinks=(), **facets: Any
):
    """A dataset of an event; `columns` is {target: [(dataset, field, type, subtype, masking)]}."""
    if fields:
        facets["schema"] = {"fields": [{"name": each, "type": "string"} for each in fields]}
    if columns:
        facets["columnLineage"] = {
            "fields": {
                target: {
                    "inputFields": [
                        {
                            "namespace": namespace,
                            "name": source,
                            "field": field,
                            "transformations": [
                                {
                                    "type": kind,
                                    "subtype": subtype,
                                    "description": "",
                                    "masking": mask,
                                }
                            ],
                        }
                        for source, field, kind, subtype, mask in inputs
                    ]
                }
                for target, inputs in columns.items()
            }
        }
    if symlinks:
        facets["symlinks"] = {
            "identifiers": [{"namespace": ns, "name": n, "type": "TABLE"} for ns, n in symlinks]
        }
    return {"namespace": namespace, "name": name, "facets": facets}


def run_event(
    *,
    run: str,
    job: str = "job",
    at: str,
    kind: str = "COMPLETE",
    inputs=(),
    outputs=(),
    **facets: Any,
) -> dict:
    return {
        "eventType": kind,
        "eventTime": at,
        "producer": PRODUCER,
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": run, "facets": facets.pop("run_facets", {})},
        "job": {"namespace": "ns", "name": job, "facets": facets.pop("job_facets", {})},
        "inputs": list(inputs),
        "outputs": list(outputs),
    }


def state() -> dict[str, Any]:
    """Everything that must not depend on the order of arrival."""
    latest = newest_runs(Job.objects.values_list("pk", flat=True), each=1, runs=Run.objects.all())
    return {
        "datasets": sorted(
            (
                row.node_id,
                row.kind,
                row.description,
                row.deleted_at is not None,
                str(row.facets),
                str(sorted(stamps_of(row).items())),
                sorted((link.namespace, link.name, link.direct) for link in row.symlinks.all()),
                row.current_version.fingerprint if row.current_version else None,
                sorted(row.versions.values_list("fingerprint", flat=True)),
            )
            for row in Dataset.objects.select_related("current_version")
        ),
        # A field that no schema in force has may be unknown where the schema that had it came too late.
        "fields": sorted(
            (row.dataset.node_id, row.name, row.type)
            for row in Field.objects.present().select_related("dataset")
        ),
        "jobs": sorted(
            (row.node_id, row.type, str(row.facets), str(latest.get(row.pk, [])))
            for row in Job.objects.all()
        ),
        "runs": sorted(
            (
                str(row.pk),
                row.job.node_id,
                row.state,
                str(row.started_at),
                str(row.ended_at),
                str(row.nominal_start),
                str(row.parent_id),
                version_of(row),
                str(facets_of_run(row)),
            )
            for row in Run.objects.select_related("job", "version")
        ),
        "uses": sorted(
            (str(row.run_id), row.dataset.node_id, row.direction, row.column_hash)
            for row in RunDataset.objects.select_related("dataset")
        ),
        "use_facets": sorted(
            (str(row.pk), use.direction, str(use.facets))
            for row in Run.objects.all()
            for use in uses_of_runs({row.pk: events_of_run(row)})[row.pk]
        ),
        "edges": open_edges(),
        "field_edges": open_field_edges(),
    }


def version_of(run: Run) -> tuple[list[str], list[str], str] | None:
    """What the run's job version says, in names."""
    if run.version is None:
        return None
    names = dict(Dataset.objects.values_list("pk", "name"))
    version = run.version
    return (
        sorted(names[key] for key in version.inputs),
        sorted(names[key] for key in version.outputs),
        str(version.code),
    )


def stamps_of(row: Dataset) -> dict[str, str]:
    """When each facet was last told: its own stamp, or that of a telling that names it."""
    stamps = dict(row.facet_stamps)
    for telling in DatasetTelling.objects.filter(dataset=row):
        for name in telling.names:
            stamps[name] = max(stamps.get(name, ""), telling.stamp)
    stamps.pop("~schema", None)
    return stamps


def open_edges() -> list[tuple[str, str]]:
    return sorted(
        (edge.dataset.node_id, edge.job.node_id)
        if edge.direction == "input"
        else (edge.job.node_id, edge.dataset.node_id)
        for edge in DatasetEdge.objects.filter(valid_to=None).select_related("dataset", "job")
    )


def open_field_edges() -> list[tuple]:
    return sorted(
        (
            f"{edge.source.dataset.name}.{edge.source.name}",
            f"{edge.target.dataset.name}.{edge.target.name}",
            edge.job.name,
            edge.type,
            edge.subtype,
            edge.masking,
        )
        for edge in FieldEdge.objects.filter(valid_to=None).select_related(
            "source__dataset", "target__dataset", "job"
        )
    )
