"""The task and the command land as the service does, and know when to stop."""

import io

import pytest
from django.core.management import CommandError, call_command

from config import celery_app
from ingestion import tasks
from ingestion.services.kafka_landing import LandingOutcome, lease_name
from ingestion.services.leases import take_lease
from ingestion.services.sources import LAND_TASK
from tests.ingestion.conftest import read_table, record

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sent(monkeypatch):
    """What was enqueued, and when nothing reaches a broker. Tasks are bound as a worker binds them."""
    celery_app.finalize(auto=True)
    found = []
    monkeypatch.setattr(
        celery_app,
        "send_task",
        lambda name, **given: found.append((name, given["kwargs"])),
    )
    return found


@pytest.mark.kafka
def test_the_task_lands_and_is_idempotent(topics, unique, make_source, sent):
    topic = topics.make(unique)
    topics.produce(topic, [record(i) for i in range(20)])
    source = make_source(config={"topic": topic})
    for _ in range(2):
        tasks.land_source(source_id=source.pk)
    assert read_table(source.identifier).num_rows == 20
    assert LAND_TASK not in [name for name, _ in sent]


def test_the_task_asks_for_another_when_more_waits(make_source, sent, monkeypatch):
    source = make_source(config={"topic": "x"})
    monkeypatch.setattr(
        tasks, "land", lambda *_args, **_given: LandingOutcome(1, 0, 1, caught_up=False)
    )
    tasks.land_source(source_id=source.pk)
    assert sent == [(LAND_TASK, {"source_id": source.pk})]


def test_the_task_leaves_a_taken_or_removed_source_alone(make_source, sent):
    source = make_source(config={"topic": "x"})
    take_lease(lease_name(source), seconds=30)
    tasks.land_source(source_id=source.pk)
    tasks.land_source(source_id=0)
    assert sent == []


def test_the_sweep_asks_for_every_enabled_source(make_source, sent, unique):
    one = make_source(name=f"{unique}1", config={"topic": "x"})
    make_source(name=f"{unique}2", config={"topic": "x"}, enabled=False)
    make_source("http", name=f"{unique}3", format="csv", config={})
    tasks.sweep_sources()
    assert sent == [(LAND_TASK, {"source_id": one.pk})]


@pytest.mark.kafka
def test_the_command_lands(topics, unique, make_source):
    topic = topics.make(unique)
    topics.produce(topic, [record(1), b"broken"])
    source = make_source(config={"topic": topic})
    out = io.StringIO()
    call_command("land", source.name, stdout=out)
    assert f"{source.name}: 1 landed, 1 rejected, 1 commits" in out.getvalue()
    with pytest.raises(CommandError, match="no source `none`"):
        call_command("land", "none")
