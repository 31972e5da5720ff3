import datetime as dt
import uuid

from pyiceberg.schema import Schema
from pyiceberg.types import LongType, NestedField

from ingestion.lineage import DatasetName, Output, file_dataset, landing_events, topic_dataset


def test_names_follow_openlineage():
    assert topic_dataset("a:9092,b:9092", "flights") == DatasetName("kafka://a:9092", "flights")
    assert file_dataset("/in/a.csv") == DatasetName("file", "/in/a.csv")
    assert file_dataset("s3://bucket/in/a.csv") == DatasetName("s3://bucket", "in/a.csv")


def test_events_tell_inputs_outputs_and_columns():
    topic = DatasetName("kafka://k:1", "flights")
    at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    run = uuid.UUID(int=7)
    output = Output(
        dataset=DatasetName("lakewarden", "raw.flights"),
        rows=5,
        size=100,
        files=1,
        schema=Schema(NestedField(1, "id", LongType())),
        snapshot_id=9,
        copied=["id"],
    )
    start, end = landing_events(
        source="f", run=run, started_at=at, finished_at=at, inputs=[topic], outputs=[output]
    )
    assert (start["eventType"], end["eventType"], end["run"]["runId"]) == (
        "START",
        "COMPLETE",
        str(run),
    )
    assert end["job"]["name"] == "land.f"
    (told,) = end["outputs"]
    assert told["facets"]["schema"]["fields"] == [{"name": "id", "type": "long"}]
    assert told["facets"]["version"]["datasetVersion"] == "9"
    assert told["outputFacets"]["outputStatistics"]["rowCount"] == 5
    assert told["facets"]["columnLineage"]["fields"]["id"]["inputFields"] == [
        {
            "namespace": "kafka://k:1",
            "name": "flights",
            "field": "id",
            "transformations": [
                {"type": "DIRECT", "subtype": "IDENTITY", "description": "", "masking": False}
            ],
        }
    ]
