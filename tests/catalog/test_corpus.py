"""Real events of real producers."""

import json
from collections import Counter
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog.lineage.events import InvalidEventError, parse_event
from catalog.models import Dataset, DatasetVersion, Field, Run, RunEvent
from catalog.services.openlineage import record_event
from tests.catalog.world import open_edges, open_field_edges

pytestmark = pytest.mark.django_db

# Reasons for which a file of the corpus may be refused; each names what it lacks.
NAMED_REASONS = {
    "an ISO 8601 time is needed",
    "the time is not ISO 8601",
    "a run needs a `runId`",
    "an object with `namespace` and `name` is needed",
    "a run event needs `run`, a job event `job`",
    "an event must be a JSON object",
    "`facets` must be an object",
    "facets must be an object",
    "`namespace` must be a text of 1 to 500 characters",
    "`name` must be a text of 1 to 1000 characters",
}
# The most statements that any event of the live corpus may cost, made of ≥ 1 new dataset, job, run and edges.
MOST_STATEMENTS = 45


def read_events(path: Path) -> list:
    text = path.read_text()
    if path.suffix == ".ndjson":
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    try:
        value = json.loads(text)
    except ValueError:
        return []
    return value if isinstance(value, list) else [value]


def replay(path: Path) -> int:
    most = 0
    for event in read_events(path):
        with CaptureQueriesContext(connection) as queries:
            record_event(event=event, sender=None)
        most = max(most, len(queries))
    return most


def test_spark_iceberg_job(shared) -> None:
    most = replay(shared / "corpus/live-spark-4.1/iceberg_rest_job.ndjson")
    assert most <= MOST_STATEMENTS
    revenue = Dataset.objects.get(name="/data/wh/sales/daily_revenue")
    assert [(s.namespace, s.name) for s in revenue.symlinks.all()] == [
        ("http://127.0.0.1:19302", "sales.daily_revenue")
    ]
    # The scan of a MERGE calls `_file` a column; what was written has none. The ALTER added `note`.
    assert list(revenue.fields.present().values_list("name", flat=True)) == [
        "day",
        "country",
        "revenue",
        "orders",
        "note",
    ]
    job = "job:spark-helper:orders_daily.append_data.ice_sales_top_days"
    edges = [edge for edge in open_edges() if job in edge]
    assert edges == [
        ("dataset:file:/data/wh/sales/daily_revenue", job),
        (job, "dataset:file:/data/wh/sales/top_days"),
    ]
    direct = {
        edge[:2]
        for edge in open_field_edges()
        if edge[2] == "orders_daily.append_data.ice_sales_top_days" and edge[3] == "DIRECT"
    }
    names = ("day", "country", "revenue")
    expected = {
        (f"/data/wh/sales/daily_revenue.{name}", f"/data/wh/sales/top_days.{name}")
        for name in names
    }
    assert direct == expected
    # One write, reported by two runs: one version.
    top = Dataset.objects.get(name="/data/wh/sales/top_days")
    assert DatasetVersion.objects.filter(dataset=top).count() == 1


def test_spark_statements(shared) -> None:
    replay(shared / "corpus/live-spark-4.1/statements.ndjson")
    never = Run.objects.get(
        uuid__in=Run.objects.filter(job__name__endswith="out_never").values("uuid")
    )
    assert never.state == "FAILED"
    assert not DatasetVersion.objects.filter(dataset__name="/data/out/never").exists()
    assert Field.objects.filter(dataset__name="/data/wh/mart/rev", removed_at=None).count() == 4


def test_every_corpus_event_is_taken_or_refused_with_a_named_reason(shared) -> None:
    outcomes: Counter[str] = Counter()
    for path in sorted((shared / "corpus").rglob("*")):
        if path.suffix not in {".json", ".ndjson"} or path.name == "manifest.json":
            continue
        if "expected-by-dataplex" in str(path):
            continue
        for event in read_events(path):
            try:
                parse_event(event)
            except InvalidEventError as error:
                outcomes[error.message] += 1
            else:
                outcomes["taken"] += 1
    taken = outcomes.pop("taken")
    assert outcomes.keys() - NAMED_REASONS == set()
    assert taken >= 700


@pytest.mark.parametrize(
    "part",
    [
        "marquez",
        "openlineage-dbt/materialized.ndjson",
        "openlineage-hive/materialized.ndjson",
        "openlineage-flink/materialized.ndjson",
        "openlineage-spark/materialized.ndjson",
        "live-dbt",
    ],
)
def test_taken_events_are_stored(shared, part: str) -> None:
    root = shared / "corpus" / part
    paths = (
        [root]
        if root.is_file()
        else sorted(p for p in root.rglob("*") if p.suffix in {".json", ".ndjson"})
    )
    stored = 0
    for path in paths:
        for event in read_events(path):
            try:
                parsed = parse_event(event)
            except InvalidEventError:
                continue
            record_event(event=event, sender=None)
            row = RunEvent.objects.get(digest=parsed.digest)
            assert row.payload == parsed.payload
            stored += 1
    assert stored > 0
