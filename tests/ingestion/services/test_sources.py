"""Who may make and steer sources, and what a source may say."""

import pytest

from core.errors import ConflictError, InvalidInputError, NotFoundError, PermissionDeniedError
from governance.facts import principal_of
from identity.models import User
from ingestion.errors import InvalidSourceError
from ingestion.models import Source
from ingestion.queries import source_status, visible_sources
from ingestion.services.kafka_landing import land_topic
from ingestion.services.sources import (
    create_source,
    replay_from,
    require_source,
    set_enabled,
    trigger_landing,
)
from tests.factories.audit import audited_by
from tests.ingestion.conftest import COLUMNS, read_table, record

pytestmark = pytest.mark.django_db(transaction=True)


def given(**change):
    base = {
        "name": "s",
        "kind": "kafka",
        "namespace": "raw",
        "table": "t",
        "format": "json",
        "config": {"topic": "x"},
        "columns": COLUMNS,
    }
    return {**base, **change}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "ftp"}, "unknown kind `ftp`"),
        ({"format": "yaml"}, "unknown format `yaml`"),
        ({"format": "image"}, "unknown format `image`"),
        ({"config": {}}, "topic"),
        ({"config": {"topic": "x", "bootstrap.servers": "evil:9092"}}, "unknown field"),
        ({"config": {"topic": 5}}, "topic"),
        ({"columns": [{"name": "a", "type": "varchar"}]}, "unknown type `varchar`"),
        ({"columns": [{"name": "a", "type": "int"}, {"name": "A", "type": "int"}]}, "twice"),
        ({"partition_by": [{"field": "none"}]}, "no column `none`"),
        ({"partition_by": [{"field": "id", "transform": "month"}]}, "does not fit"),
        ({"columns": [], "partition_by": [{"field": "id"}]}, "declared columns"),
        ({"namespace": "raw/../x"}, "must be letters"),
        ({"name": "a b"}, "a name is letters"),
    ],
)
def test_wrong_sources_are_named(steward, robot, change, words):
    with pytest.raises(InvalidInputError, match=words):
        create_source(principal=principal_of(steward), owner=robot, **given(**change))
    assert not Source.objects.exists()


def test_names_are_unique_and_making_is_audited(steward, robot):
    create_source(principal=principal_of(steward), owner=robot, **given())
    with pytest.raises(ConflictError, match="`s` exists"):
        create_source(principal=principal_of(steward), owner=robot, **given())
    assert audited_by("steward").filter(action="source.create").count() == 1


def test_an_outsider_makes_no_source_and_nobody_borrows_an_owner(steward, robot):
    outsider = User.objects.create_user("outsider")
    with pytest.raises(PermissionDeniedError):
        create_source(principal=principal_of(outsider), owner=outsider, **given())
    with pytest.raises(PermissionDeniedError, match="owned by you"):
        create_source(principal=principal_of(outsider), owner=robot, **given())


@pytest.mark.kafka
def test_owner_team_mate_and_outsider(topics, unique, make_source, robot, steward):
    topic = topics.make(unique)
    topics.produce(topic, [record(1)])
    source = make_source(config={"topic": topic})
    mate, outsider = User.objects.create_user("mate"), User.objects.create_user("outsider")
    for user in (mate, outsider):
        with pytest.raises(PermissionDeniedError):
            require_source(principal_of(user), source)
    land_topic(source)
    source.refresh_from_db()
    from catalog.services.datasets import add_owner

    add_owner(source.dataset, owner=mate)
    for user in (robot, mate):
        require_source(principal_of(user), source, writes=True)
        assert source in visible_sources(principal_of(user))
    require_source(principal_of(steward), source)
    with pytest.raises(NotFoundError):
        require_source(principal_of(outsider), source)
    assert not visible_sources(principal_of(outsider)).exists()


@pytest.mark.kafka
def test_pause_trigger_and_replay(
    topics, unique, make_source, robot, django_capture_on_commit_callbacks
):
    topic = topics.make(unique, partitions=1)
    topics.produce(topic, [record(i) for i in range(10)], partitions=1)
    source = make_source(config={"topic": topic})
    land_topic(source)
    source.refresh_from_db()
    owner = principal_of(robot)
    set_enabled(source, enabled=False, principal=owner)
    assert not Source.objects.enabled().exists()
    assert replay_from(source, offsets={0: 7}, principal=owner) == {0: 10}
    assert source_status(source).lag == 3
    assert land_topic(source).landed == 3
    assert read_table(source.identifier).num_rows == 13
    with pytest.raises(InvalidSourceError, match="offset 99"):
        replay_from(source, offsets={0: 99}, principal=owner)
    actions = list(audited_by("robot").values_list("action", flat=True))
    assert [a for a in actions if a.startswith("source.")] == [
        "source.land",
        "source.pause",
        "source.replay",
        "source.land",
    ]


def test_a_trigger_enqueues_the_task(make_source, robot, monkeypatch):
    sent = []
    monkeypatch.setattr(
        "core.jobs.current_app.send_task",
        lambda name, **given: sent.append((name, given["kwargs"])),
    )
    source = make_source(config={"topic": "x"})
    trigger_landing(source, principal=principal_of(robot))
    assert sent == [("ingestion.land_source", {"source_id": source.pk})]
