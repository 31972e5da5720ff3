"""What the migrations enter into the histories of an installation that stands, and how the histories are read."""

import importlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from bench.history import _statements
from catalog.models import EdgeLog, Field, FieldEdge, Tag
from governance.history.labels import THEN, carrying_edges
from governance.history.rows import as_of, beginning, history_of
from governance.models import (
    DatasetUserGrant,
    HistoryBeginning,
    Policy,
)
from governance.policy.labels import FieldEdge as Edge
from identity.models import Membership, NamedGroup, User
from tests.factories.catalog import make_dataset, make_tag
from tests.factories.governance import make_policy
from tests.factories.identity import make_group, make_user
from tests.governance.history.replay import event_models

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
# Before the tables are made, where they are made for this run.
NOON = datetime.now(UTC)


def seed(app):
    """The statement of the migration, whatever its number."""
    found = next(Path(settings.BASE_DIR, app, "migrations").glob("*_history_of_facts.py"))
    module = importlib.import_module(f"{app}.migrations.{found.stem}")
    with connection.cursor() as cursor:
        cursor.execute(module._SEED)


def test_a_standing_installation_begins_with_what_it_has():
    ann, crew, tag = make_user("ann"), make_group("crew"), make_tag("pii.email")
    source, target = (
        Field.objects.create(
            dataset=make_dataset(), name="a", type="long", ordinal=3, nullable=False
        )
        for _ in range(2)
    )
    told = FieldEdge.objects.create(source=source, target=target, valid_from=NOON - 9 * DAY)
    EdgeLog.objects.filter(edge_id=told.pk).update(logged_at=NOON - 5 * DAY)
    closed = FieldEdge.objects.create(
        source=target, target=source, valid_from=NOON - 8 * DAY, valid_to=NOON - 2 * DAY
    )
    policy = make_policy(
        {"name": "p", "applies_to": {"name": "*"}, "effect": {"allow": ["discover"]}}
    ).policy
    for model in (Tag, NamedGroup, Policy, FieldEdge):
        history_of(model).delete()
    history_of(User).update(username="")
    history_of(Field).update(ordinal=0, nullable=True)
    for app in ("catalog", "identity", "governance"):
        seed(app)
    assert as_of(Tag, NOON + DAY).get(pgh_obj=tag.pk).name == "pii.email"
    assert as_of(NamedGroup, NOON + DAY).get(pgh_obj=crew.pk).name == "crew"
    assert as_of(User, NOON + DAY).get(pgh_obj=ann.pk).username == "ann"
    assert as_of(Policy, NOON + DAY).get(pgh_obj=policy.pk).name == "p"
    field = as_of(Field, NOON + DAY).get(pgh_obj=source.pk)
    assert (field.ordinal, field.nullable, field.uuid) == (3, False, source.uuid)
    # an edge of the log since it was logged, an older one by its own dates
    forth, back = Edge(source.pk, target.pk), Edge(target.pk, source.pk)

    def carried(days):
        return set(
            carrying_edges([source.pk, target.pk], at=NOON - days * DAY, hindsight=False)
        ) & {forth, back}

    assert [carried(days) for days in (8.5, 7, 4, 1)] == [set(), {back}, {forth, back}, {forth}]
    assert closed.valid_to == NOON - 2 * DAY
    row = HistoryBeginning.objects.get()
    assert (beginning().complete_since, row.installed_at < row.complete_since) == (
        row.complete_since,
        True,
    )


def test_a_new_installation_is_whole_from_the_start():
    found = beginning()
    assert found.installed_at == found.complete_since
    assert found.installed_at < NOON + DAY


def test_the_later_written_entry_decides_whenever_its_transaction_began():
    tag = make_tag("old")
    history_of(Tag).update(pgh_created_at=NOON - 3 * DAY)
    tag.name = "first"
    tag.save()
    history_of(Tag).filter(name="first").update(pgh_created_at=NOON - DAY)
    tag.name = "second"
    tag.save()
    history_of(Tag).filter(name="second").update(pgh_created_at=NOON - 2 * DAY)
    names = [as_of(Tag, NOON - days * DAY).get(pgh_obj=tag.pk).name for days in (2.5, 1.5, 0.5)]
    assert names == ["old", "second", "second"]


def plan(sql, params):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {sql}", params)
        return "\n".join(line for (line,) in cursor.fetchall())


@pytest.fixture
def filled():
    """Histories with so many entries that a plan means something."""
    with connection.cursor() as cursor:
        for statement in _statements(300):
            if "pgh_created_at" in statement:
                cursor.execute(statement, {"start": NOON - 365 * DAY})
        for model in event_models().values():
            cursor.execute(f"ANALYZE {model._meta.db_table}")


def test_what_is_asked_of_one_thing_is_found_by_index(filled):
    for model, key in (
        (Field, {"dataset": 7}),
        (DatasetUserGrant, {"content_object": 7}),
        (Membership, {"user__in": [7, 8]}),
        (User, {"pgh_obj": 7}),
    ):
        sql, params = as_of(model, NOON).filter(**key).query.sql_with_params()
        found = plan(sql, params)
        # one for the entries, one for whether a later one follows
        assert ("Seq Scan" in found, found.count("Index Cond")) == (False, 2), found
    found = plan(THEN, {"fields": [1, 2], "at": NOON})
    assert "Seq Scan on catalog_fieldedgeevent " not in found
    assert "catalog_fieldedgeevent_target_id" in found
