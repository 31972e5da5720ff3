"""Real Spark, end to end: raw table to curated and feature tables, gated by checks, with lineage."""

import pytest

from catalog.models import Dataset, DatasetEdge, FieldEdge, Run
from governance.models import AuditRecord
from identity.models import ApiToken
from processing.models import PipelineRun, RunState
from processing.services.execution import execute_run
from processing.services.pipelines import create_pipeline, replace_definition
from processing.services.runs import trigger_run
from storage.tables.catalog import LakewardenCatalog

pytestmark = [pytest.mark.spark, pytest.mark.django_db(transaction=True)]


def definition(world, *, minimum_rows: int = 1) -> dict:
    raw, curated, feature = world.raw, f"{world.unique}_curated", f"{world.unique}_feature"
    return {
        "steps": [
            {
                "name": "clean",
                "sql": f"SELECT * FROM {raw}.flights WHERE delay IS NOT NULL",
            },
            {
                "name": "flights",
                "sql": "SELECT flight, origin, distance, delay, delay > 15 AS late FROM clean",
                "output": f"{curated}.flights",
                "partitioned_by": ["origin"],
                "checks": [
                    {"kind": "not_null", "columns": ["delay"]},
                    {"kind": "unique", "columns": ["flight"]},
                    {"kind": "range", "columns": ["distance"], "min": 0, "max": 10000},
                    {
                        "kind": "accepted_values",
                        "columns": ["origin"],
                        "values": ["EWR", "JFK", "LGA"],
                    },
                    {"name": "enough_rows", "kind": "row_count", "min": minimum_rows},
                ],
            },
            {
                "name": "features",
                "sql": f"SELECT origin, avg(delay) AS mean_delay, count(*) AS flights "
                f"FROM {curated}.flights GROUP BY origin",
                "output": f"{feature}.origins",
            },
        ]
    }


def make_pipeline(world, name="refine", **kwargs):
    return create_pipeline(
        actor=world.owner,
        name=f"{world.unique}-{name}",
        domain=world.domain,
        kind="sql",
        definition=definition(world, **kwargs),
        run_as=world.service,
    )


def rows_of(name: str) -> list[dict]:
    return LakewardenCatalog().load_table(name).scan().to_arrow().to_pylist()


def test_raw_becomes_curated_and_feature_with_lineage(world, running_service):
    pipeline = make_pipeline(world)
    run = trigger_run(pipeline, actor=world.owner)
    execute_run(run_uuid=run.uuid)
    run.refresh_from_db()
    assert (run.state, run.error) == (RunState.SUCCEEDED, ""), run.log_tail
    steps = run.metrics["steps"]
    assert [(each["step"], each["rows"]) for each in steps] == [("flights", 5), ("features", 3)]
    assert [(each["name"], each["passed"]) for each in steps[0]["checks"]] == [
        ("not_null_delay", True),
        ("unique_flight", True),
        ("range_distance", True),
        ("accepted_values_origin", True),
        ("enough_rows", True),
    ]
    features = {row["origin"]: row for row in rows_of(f"{world.unique}_feature.origins")}
    assert features == {
        "EWR": {"origin": "EWR", "mean_delay": 2.5, "flights": 2},
        "JFK": {"origin": "JFK", "mean_delay": 8.5, "flights": 2},
        "LGA": {"origin": "LGA", "mean_delay": 40.0, "flights": 1},
    }
    _assert_lineage(world, run)
    assert not ApiToken.objects.filter(name=f"run {run.uuid}", revoked_at=None).exists()
    assert AuditRecord.objects.filter(action="pipeline.run.succeeded").count() == 1


def test_the_second_run_replaces_and_counts_what_it_wrote(world, running_service):
    pipeline = make_pipeline(world)
    for _ in range(2):
        run = trigger_run(pipeline, actor=world.owner)
        execute_run(run_uuid=run.uuid)
        run.refresh_from_db()
        assert run.state == RunState.SUCCEEDED, run.log_tail
    name = f"{world.unique}_curated.flights"
    assert len(rows_of(name)) == 5
    version = Dataset.objects.get(name=name).current_version
    assert version.statistics["rows"] == 5
    assert version.lifecycle == "OVERWRITE"


def _assert_lineage(world, run) -> None:
    edges = DatasetEdge.objects.filter(valid_to=None)
    tables = {
        (edge.dataset.name, edge.direction, edge.dataset.namespace)
        for edge in edges.select_related("dataset")
        if edge.dataset.name.startswith(world.unique)
    }
    assert tables >= {
        (f"{world.raw}.flights", "input", "lakewarden"),
        (f"{world.unique}_curated.flights", "output", "lakewarden"),
        (f"{world.unique}_curated.flights", "input", "lakewarden"),
        (f"{world.unique}_feature.origins", "output", "lakewarden"),
    }
    columns = set(
        FieldEdge.objects.filter(valid_to=None, type="DIRECT").values_list(
            "source__dataset__name", "source__name", "target__dataset__name", "target__name"
        )
    )
    assert columns >= {
        (f"{world.raw}.flights", "delay", f"{world.unique}_curated.flights", "late"),
        (
            f"{world.unique}_curated.flights",
            "delay",
            f"{world.unique}_feature.origins",
            "mean_delay",
        ),
    }
    assert Run.objects.get(uuid=run.uuid).state == "COMPLETED"


def test_a_failed_check_publishes_nothing(world, running_service):
    pipeline = make_pipeline(world, minimum_rows=100)
    run = trigger_run(pipeline, actor=world.owner)
    execute_run(run_uuid=run.uuid)
    run.refresh_from_db()
    assert (run.state, run.error) == (
        RunState.FAILED,
        "step `flights`: quality check failed: `enough_rows` (counted 5)",
    )
    assert rows_of(f"{world.unique}_curated.flights") == []
    assert Run.objects.get(uuid=run.uuid).state == "FAILED"


def run_once(world, pipeline) -> PipelineRun:
    run = trigger_run(pipeline, actor=world.owner)
    execute_run(run_uuid=run.uuid)
    run.refresh_from_db()
    return run


def step(world, sql: str, *, mode: str = "replace", minimum: int = 0) -> dict:
    return {
        "steps": [
            {
                "name": "out",
                "sql": sql.replace("{raw}", f"{world.raw}.flights"),
                "output": f"{world.unique}_curated.out",
                "mode": mode,
                "checks": [{"name": "rows", "kind": "row_count", "min": minimum}],
            }
        ]
    }


def test_an_output_follows_the_columns_of_its_query(world, running_service):
    """New columns are added, narrow ones widened; whatever else differs is an error that names the column."""
    pipeline = create_pipeline(
        actor=world.owner,
        name=f"{world.unique}-evolve",
        domain=world.domain,
        kind="sql",
        definition=step(world, "SELECT flight, cast(delay AS int) AS delay FROM {raw}"),
        run_as=world.service,
    )
    name = f"{world.unique}_curated.out"
    assert run_once(world, pipeline).state == RunState.SUCCEEDED

    wider = "SELECT flight, delay, origin FROM {raw}"
    replace_definition(
        pipeline, actor=world.owner, definition=step(world, wider, mode="append", minimum=100)
    )
    failed = run_once(world, pipeline)
    assert failed.error == "step `out`: quality check failed: `rows` (counted 12)"
    table = LakewardenCatalog().load_table(name)
    assert set(table.metadata.refs) == {"main"}
    assert len(table.metadata.snapshots) == 1, "the snapshot of the failed check is left over"
    assert failed.cleaned_at is not None

    replace_definition(pipeline, actor=world.owner, definition=step(world, wider, mode="append"))
    run = run_once(world, pipeline)
    assert (run.state, run.error) == (RunState.SUCCEEDED, ""), run.log_tail
    rows = rows_of(name)
    assert sorted((row["flight"], row["origin"]) for row in rows if row["origin"]) == [
        (0, "EWR"),
        (1, "JFK"),
        (2, "EWR"),
        (3, "LGA"),
        (4, "JFK"),
        (5, "EWR"),
    ]
    assert len(rows) == 12
    fields = Dataset.objects.get(name=name).fields.present().order_by("ordinal")
    assert list(fields.values_list("name", "type")) == [
        ("flight", "long"),
        ("delay", "long"),
        ("origin", "string"),
    ]
    for sql, error in [
        (
            "SELECT flight, delay, distance AS origin FROM {raw}",
            f"column `origin` of `{name}` is string, and the query gives double: cast it",
        ),
        (
            "SELECT flight, origin FROM {raw}",
            f"the query no longer gives column `delay` of `{name}`: select it, or NULL",
        ),
    ]:
        replace_definition(pipeline, actor=world.owner, definition=step(world, sql))
        assert run_once(world, pipeline).error == error
    assert len(rows_of(name)) == 12
