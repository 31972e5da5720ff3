"""A topic lands as a table, exactly once, with its broken records beside it."""

import pytest

from catalog.models import Dataset, FieldEdge, Job, RunState
from core.errors import PermissionDeniedError
from ingestion.errors import (
    KafkaUnavailableError,
    LeaseHeldError,
    LeaseLostError,
    OffsetConflictError,
    SourceOffsetLostError,
)
from ingestion.models import LandingBatch, SourceOffset
from ingestion.queries import source_status
from ingestion.services import kafka_landing
from ingestion.services.kafka_landing import land_topic, lease_name, move_offsets
from ingestion.services.leases import take_lease
from tests.factories.audit import audited_by
from tests.ingestion.conftest import read_table, record

pytestmark = [pytest.mark.kafka, pytest.mark.django_db(transaction=True)]


def test_good_and_broken_records_are_counted_exactly(topics, unique, make_source):
    topic = topics.make(unique)
    values = [record(i) for i in range(1000)]
    values[10] = b"{broken"
    values[11] = record(11, id="eleven")
    values[500] = b'{"name": "no id"}'
    values[501] = b'{"id": 501, "name": "\xff"}'
    values[999] = None
    topics.produce(topic, values)
    source = make_source(config={"topic": topic, "offset_columns": True})

    outcome = land_topic(source)

    assert (outcome.landed, outcome.rejected, outcome.caught_up) == (995, 5, True)
    rows = read_table(source.identifier)
    assert sorted(rows["id"].to_pylist()) == [
        i for i in range(1000) if i not in {10, 11, 500, 501, 999}
    ]
    places = set(
        zip(rows["kafka_partition"].to_pylist(), rows["kafka_offset"].to_pylist(), strict=True)
    )
    assert places == {(i % 2, i // 2) for i in rows["id"].to_pylist()}
    letters = read_table(source.dead_letter_identifier).sort_by("position").to_pylist()
    assert {(x["partition"], x["position"], x["reason"], x["original"]) for x in letters} == {
        (0, 5, "truncated", b"{broken"),
        (1, 5, "wrong_type", values[11]),
        (0, 250, "missing_required", values[500]),
        (1, 250, "bad_utf8", values[501]),
        (1, 499, "empty", b""),
    }
    assert dict(source.offsets.values_list("partition", "next_offset")) == {0: 500, 1: 500}
    assert (
        source_status(source).landed,
        source_status(source).rejected,
        source_status(source).lag,
    ) == (995, 5, 0)


def test_a_second_landing_finds_nothing_and_later_records_follow(topics, unique, make_source):
    topic = topics.make(unique)
    topics.produce(topic, [record(i) for i in range(100)])
    source = make_source(config={"topic": topic})
    assert land_topic(source).landed == 100
    assert land_topic(source) == kafka_landing.LandingOutcome(0, 0, 0, caught_up=True)
    topics.produce(topic, [record(i) for i in range(100, 150)])
    assert land_topic(source).landed == 50
    assert sorted(read_table(source.identifier)["id"].to_pylist()) == list(range(150))


def test_batches_are_bounded_and_partitioned(topics, unique, make_source):
    topic = topics.make(unique)
    topics.produce(topic, [record(i) for i in range(1000)])
    source = make_source(
        config={"topic": topic, "max_batch_records": 300},
        partition_by=[{"field": "month"}],
    )
    assert land_topic(source).batches == 4
    batches = LandingBatch.objects.filter(source=source)
    assert sum(batch.landed for batch in batches) == 1000
    table = kafka_landing.ensure_target(source, sample=None)
    files = [task.file for task in table.scan().plan_files()]
    assert sum(file.record_count for file in files) == 1000
    assert {file.partition[0] for file in files} == set(range(1, 13))
    assert table.scan(row_filter="month = 3").to_arrow().num_rows == len(range(2, 1000, 12))
    assert len(list(table.scan(row_filter="id < 10").plan_files())) < len(files)


def test_an_undeclared_schema_is_inferred(topics, unique, make_source):
    topic = topics.make(unique, partitions=1)
    topics.produce(topic, [b'{"a": 1, "b": "x"}', b'{"a": "broken"}', b'{"a": 3}'], partitions=1)
    source = make_source(config={"topic": topic}, columns=[])
    outcome = land_topic(source)
    assert (outcome.landed, outcome.rejected) == (2, 1)
    assert read_table(source.identifier).to_pylist() == [{"a": 1, "b": "x"}, {"a": 3, "b": None}]


def test_xml_messages_land_as_well(topics, unique, make_source):
    topic = topics.make(unique, partitions=1)
    values = [b"<r><id>1</id><name>a</name></r>", b"<r><id>2</r>", b'<r id="3"/>']
    topics.produce(topic, values, partitions=1)
    columns = [{"name": "id", "type": "long"}, {"name": "name", "type": "string"}]
    source = make_source(format="xml", config={"topic": topic}, columns=columns)
    outcome = land_topic(source)
    assert (outcome.landed, outcome.rejected) == (2, 1)
    assert read_table(source.identifier)["id"].to_pylist() == [1, 3]


def test_lineage_and_audit_are_part_of_it(topics, unique, make_source, robot):
    topic = topics.make(unique)
    topics.produce(topic, [record(1), b"broken"])
    source = make_source(config={"topic": topic})
    land_topic(source)
    batch = LandingBatch.objects.get(source=source)
    job = Job.objects.get(namespace="lakewarden", name=f"land.{source.name}")
    run = job.runs.get()
    assert (run.pk, run.state) == (batch.uuid, RunState.COMPLETED)
    assert audited_by("robot").filter(action="source.land").count() == 1
    source.refresh_from_db()
    topic_entry = Dataset.objects.get(name=topic)
    assert (topic_entry.kind, topic_entry.structure) == ("topic", "semi-structured")
    assert topic_entry.owners.get().user == robot
    assert list(topic_entry.fields.order_by("ordinal").values_list("name", flat=True)) == [
        "id",
        "name",
        "month",
        "at",
    ]
    edges = FieldEdge.objects.filter(job=job, valid_to=None)
    assert {
        (e.source.name, e.source.dataset_id, e.target.name, e.target.dataset_id) for e in edges
    } == {(name, topic_entry.pk, name, source.dataset.pk) for name in ("id", "name", "month", "at")}
    assert source.dataset.name == ".".join(source.identifier)
    assert source.dataset.owners.get().user == robot
    assert source.dead_letters.domain is None


def test_two_tasks_never_land_one_source(topics, unique, make_source):
    topic = topics.make(unique)
    topics.produce(topic, [record(1)])
    source = make_source(config={"topic": topic})
    take_lease(lease_name(source), seconds=30)
    with pytest.raises(LeaseHeldError):
        land_topic(source)
    assert not LandingBatch.objects.exists()


def test_a_task_that_lost_its_lease_commits_nothing(topics, unique, make_source, monkeypatch):
    topic = topics.make(unique)
    topics.produce(topic, [record(i) for i in range(10)])
    source = make_source(config={"topic": topic})
    real = kafka_landing.prepare_dead_letters

    def overtaken(landing, letters):
        # the lease runs out and somebody else takes it, at the worst moment
        take_lease(lease_name(source), seconds=30)
        real(landing, letters)

    monkeypatch.setattr(kafka_landing, "prepare_dead_letters", overtaken)
    with pytest.raises(LeaseLostError):
        land_topic(source, lease_seconds=0)
    assert not LandingBatch.objects.exists()
    assert set(source.offsets.values_list("next_offset", flat=True)) == {0}
    assert read_table(source.identifier).num_rows == 0


def test_offsets_that_moved_refuse_the_batch(topics, unique, make_source):
    topic = topics.make(unique)
    source = make_source(config={"topic": topic})
    SourceOffset.objects.create(source=source, partition=0, next_offset=7)
    with pytest.raises(OffsetConflictError, match="no longer at 5"):
        move_offsets(source, {0: 5}, {0: 9})


def test_a_lost_offset_is_told_and_not_skipped(topics, unique, make_source):
    topic = topics.make(unique)
    topics.produce(topic, [record(1)])
    source = make_source(config={"topic": topic})
    SourceOffset.objects.create(source=source, partition=0, next_offset=50)
    with pytest.raises(SourceOffsetLostError, match="not the next offset 50"):
        land_topic(source)


def test_an_unknown_topic_is_named(unique, make_source):
    source = make_source(config={"topic": f"{unique}-none"})
    with pytest.raises(KafkaUnavailableError, match=f"{unique}-none"):
        land_topic(source)


def test_only_new_records_when_asked(topics, unique, make_source):
    topic = topics.make(unique)
    topics.produce(topic, [record(i) for i in range(10)])
    source = make_source(config={"topic": topic, "start": "latest"})
    assert land_topic(source).landed == 0
    topics.produce(topic, [record(i) for i in range(10, 14)])
    assert land_topic(source).landed == 4


def test_a_source_does_no_more_than_its_owner(topics, unique, make_source, robot):
    topic = topics.make(unique)
    topics.produce(topic, [record(1)])
    source = make_source(config={"topic": topic})
    land_topic(source)
    source.refresh_from_db()
    source.dataset.owners.all().delete()
    topics.produce(topic, [record(2)])
    with pytest.raises(PermissionDeniedError):
        land_topic(source)
    assert read_table(source.identifier).num_rows == 1


def test_transactional_producers_lose_nothing_and_aborted_records_never_land(
    topics, unique, make_source
):
    from confluent_kafka import Producer

    topic = topics.make(unique, partitions=1)
    producer = Producer({**topics.connection, "transactional.id": unique})
    producer.init_transactions(20)
    for numbers, commit in [(range(10), True), (range(10, 20), False), (range(20, 25), True)]:
        producer.begin_transaction()
        for number in numbers:
            producer.produce(topic, record(number), partition=0)
        producer.flush(20)
        (producer.commit_transaction if commit else producer.abort_transaction)(20)
    source = make_source(config={"topic": topic})
    outcome = land_topic(source)
    assert (outcome.landed, outcome.caught_up) == (15, True)
    assert source.offsets.get().next_offset == 28  # 25 records and three markers
    assert sorted(read_table(source.identifier)["id"].to_pylist()) == [*range(10), *range(20, 25)]
