"""The `lineage` facets of datasets and jobs, and DatasetEvents that tell where a dataset comes from."""

import pytest

from catalog.lineage.events import STATED_NAMESPACE, parse_event
from catalog.lineage.redaction import without_foreign_columns
from catalog.models import DatasetVersion, Run
from catalog.services.openlineage import record_event
from tests.catalog.world import dataset, open_edges, open_field_edges, run_event

DIRECT = {"type": "DIRECT", "subtype": "IDENTITY"}
FILTER = {"type": "INDIRECT", "subtype": "FILTER", "masking": True}


def source(name: str, field: str | None = None, *transformations: dict) -> dict:
    row = {
        "namespace": "db",
        "name": name,
        "type": "DATASET",
        "transformations": list(transformations),
    }
    return row if field is None else {**row, "field": field}


def target(name: str, *, inputs=(), **fields: list) -> dict:
    return {
        "namespace": "db",
        "name": name,
        "type": "DATASET",
        "inputs": list(inputs),
        "fields": {field: {"inputs": rows} for field, rows in fields.items()},
    }


def job_event(*entries: dict, at: str = "2026-01-01T00:00:00Z", **members) -> dict:
    facets = {"lineage": {"entries": list(entries)}}
    job = {"namespace": "ns", "name": "j", "facets": facets}
    return {"eventTime": at, "job": job, **members}


def dataset_event(name: str, *, at: str = "2026-01-01T00:00:00Z", **facets) -> dict:
    return {"eventTime": at, "dataset": {"namespace": "db", "name": name, "facets": facets}}


def stated_job(name: str) -> str:
    event = parse_event(dataset_event(name, lineage={}))
    return f"job:{STATED_NAMESPACE}:{event.job.name}"


@pytest.mark.django_db
def test_a_job_states_its_edges() -> None:
    entries = (
        target("out", inputs=[source("a"), source("b", "k", FILTER)], x=[source("a", "y", DIRECT)]),
        target("alone"),
        {"type": "JOB", "inputs": [source("c")]},
    )
    record_event(event=job_event(*entries), sender=None)
    assert open_edges() == [
        ("dataset:db:a", "job:ns:j"),
        ("dataset:db:b", "job:ns:j"),
        ("dataset:db:c", "job:ns:j"),
        ("job:ns:j", "dataset:db:alone"),
        ("job:ns:j", "dataset:db:out"),
    ]
    assert open_field_edges() == [
        ("a.y", "out.x", "j", "DIRECT", "IDENTITY", False),
        ("b.k", "out.x", "j", "INDIRECT", "FILTER", True),
    ]


@pytest.mark.django_db
def test_what_is_said_of_other_jobs_is_not_the_events_own() -> None:
    other = {"namespace": "ns", "name": "other", "type": "JOB"}
    entries = (
        {**other, "inputs": [source("a")]},
        {**target("b"), "inputs": [other]},
        {**target("c"), "inputs": [{"type": "JOB"}]},
        {"type": "DATASET", "name": "no namespace", "inputs": [source("a")]},
        {"type": "JOB", "inputs": [{"namespace": 1, "name": "n", "type": "DATASET"}, 7, other]},
        7,
    )
    record_event(event=job_event(*entries), sender=None)
    assert open_edges() == [("job:ns:j", "dataset:db:c")]


@pytest.mark.django_db
def test_an_output_states_its_lineage_beside_its_column_lineage() -> None:
    out = dataset(
        "out",
        fields=["x", "z"],
        columns={"x": [("a", "y", "DIRECT", "IDENTITY", False)]},
        lineage={"inputs": [source("b", "k", FILTER)], "fields": {"z": {"inputs": [source("c")]}}},
    )
    event = run_event(
        run="r", at="2026-01-01T00:00:00Z", inputs=[dataset("a"), dataset("b")], outputs=[out]
    )
    record_event(event=event, sender=None)
    assert open_edges() == [
        ("dataset:db:a", "job:ns:job"),
        ("dataset:db:b", "job:ns:job"),
        ("dataset:db:c", "job:ns:job"),
        ("job:ns:job", "dataset:db:out"),
    ]
    assert open_field_edges() == [
        ("a.y", "out.x", "job", "DIRECT", "IDENTITY", False),
        ("b.k", "out.x", "job", "INDIRECT", "FILTER", True),
        ("b.k", "out.z", "job", "INDIRECT", "FILTER", True),
    ]


@pytest.mark.django_db
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_dataset_event_states_lineage_until_the_next_that_does(order) -> None:
    column = dataset("v", fields=["x"], columns={"x": [("a", "y", "DIRECT", "IDENTITY", False)]})
    events = [
        dataset_event("v", at="2026-01-01T00:00:00Z", **column["facets"]),
        dataset_event("v", at="2026-01-02T00:00:00Z", lineage={"inputs": [source("b")]}),
    ]
    for place in order:
        record_event(event=events[place], sender=None)
    record_event(event=dataset_event("v", at="2026-01-03T00:00:00Z", schema={}), sender=None)
    assert open_edges() == [
        ("dataset:db:b", stated_job("v")),
        (stated_job("v"), "dataset:db:v"),
    ]
    assert open_field_edges() == []
    # Nothing ran: neither a run that shows nor one that made the version.
    assert set(Run.objects.values_list("observed", flat=True)) == {False}
    assert DatasetVersion.objects.get(dataset__name="v").run_id is None


def test_the_job_of_stated_lineage_does_not_tell_the_name_of_what_it_writes() -> None:
    assert "secret" not in stated_job("secret")
    assert stated_job("secret") != stated_job("other")
    assert parse_event(dataset_event("plain", schema={})).job is None


def test_foreign_datasets_of_lineage_facets_are_left_out() -> None:
    entries = (
        target(
            "out", inputs=[source("a"), source("far")], x=[source("far", "y"), source("a", "y")]
        ),
        target("elsewhere", inputs=[source("a")]),
        {"type": "JOB", "inputs": [source("far"), {"type": "JOB"}]},
    )
    event = job_event(*entries, inputs=[dataset("a")], outputs=[dataset("out")])
    found = without_foreign_columns(event)["job"]["facets"]["lineage"]["entries"]
    assert found == [
        target("out", inputs=[source("a")], x=[source("a", "y")]),
        {"type": "JOB", "inputs": [{"type": "JOB"}]},
    ]
    event = dataset_event("v", lineage={"inputs": [source("far"), source("v")]})
    facet = without_foreign_columns(event)["dataset"]["facets"]["lineage"]
    assert facet == {"inputs": [source("v")]}
