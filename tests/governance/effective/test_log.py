"""Commits that overtake each other, transactions of one's own, births at a high rate, and the trimming of the log."""

from dataclasses import replace

import pytest
from django.contrib.auth.models import Permission
from django.db import connection, connections, transaction

from catalog.models import Dataset
from governance.effective import visible_ids
from governance.effective.log import read_changes, read_position, trim_fact_log
from governance.models import FactKind, FactLog, FactLogMark
from governance.policy.types import Action
from governance.queries import principal_of
from tests.factories.catalog import make_dataset
from tests.factories.identity import make_actors, make_user

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def other():
    """A second real connection, as another process has it."""
    second = connections.create_connection("default")
    second.settings_dict = connection.settings_dict
    yield second
    second.close()


GRANT = """
INSERT INTO governance_datasetusergrant (uuid, purpose, granted_at, content_object_id, permission_id, user_id)
VALUES (gen_random_uuid(), '', now(), %s, %s, %s)
"""


def grant_sql(cursor, user, dataset):
    permission = Permission.objects.get(codename="view_dataset")
    cursor.execute(GRANT, [dataset.pk, permission.pk, user.pk])


def test_a_commit_that_is_overtaken_is_not_missed(other):
    user = make_user()
    first, second = make_dataset(), make_dataset()
    principal = principal_of(user)
    assert set(visible_ids(principal)) == set()
    other.set_autocommit(False)
    with other.cursor() as cursor:
        grant_sql(cursor, user, first)  # logged first, committed last
        assert set(visible_ids(principal)) == set()
        with connection.cursor() as here:
            grant_sql(here, user, second)
        assert set(visible_ids(principal)) == {second.pk}
        assert set(visible_ids(principal)) == {second.pk}
    other.commit()
    assert set(visible_ids(principal)) == {first.pk, second.pk}


def test_each_entry_is_read_once_however_long_another_transaction_runs(other):
    user, dataset = make_user(), make_dataset()
    other.set_autocommit(False)
    with other.cursor() as slow, connection.cursor() as cursor:
        grant_sql(slow, user, dataset)
        position = read_position(cursor)
        counts = []
        for _ in range(3):
            make_dataset()
            position, entries = read_changes(cursor, position)
            counts.append([each.kind for each in entries])
        other.commit()
        position, entries = read_changes(cursor, position)
    assert counts == [[FactKind.DATASET_BORN, FactKind.TEXT]] * 3
    assert [(each.kind, each.key) for each in entries] == [(FactKind.USER_GRANT, user.pk)]


def test_what_was_rolled_back_was_never_there(other):
    user, dataset = make_user(), make_dataset()
    principal = principal_of(user)
    other.set_autocommit(False)
    with other.cursor() as cursor:
        grant_sql(cursor, user, dataset)
    assert set(visible_ids(principal)) == set()
    other.rollback()
    assert set(visible_ids(principal)) == set()


def test_a_transaction_sees_its_own_changes_and_leaves_none_behind():
    user, dataset = make_user(), make_dataset()
    principal = principal_of(user)
    assert set(visible_ids(principal)) == set()
    with transaction.atomic():
        with connection.cursor() as cursor:
            grant_sql(cursor, user, dataset)
        assert set(visible_ids(principal)) == {dataset.pk}
        transaction.set_rollback(True)
    assert set(visible_ids(principal)) == set()


def test_owner_team_mate_and_outsider_before_and_after_a_change():
    actors = make_actors()
    dataset = make_dataset(owners=[actors.owner])
    names = ("owner", "team_mate", "outsider")

    def seen():
        return {
            name: set(visible_ids(principal_of(getattr(actors, name)), Action.MANAGE))
            for name in names
        }

    assert seen() == {"owner": {dataset.pk}, "team_mate": set(), "outsider": set()}
    dataset.owners.all().update(user=actors.team_mate)
    assert seen() == {"owner": set(), "team_mate": {dataset.pk}, "outsider": set()}
    Dataset.objects.filter(pk=dataset.pk).delete()
    assert seen() == {"owner": set(), "team_mate": set(), "outsider": set()}


def test_a_question_whose_facts_stand_still_costs_one_query(django_assert_num_queries):
    root = principal_of(make_user(is_superuser=True))
    dataset = make_dataset()
    assert set(visible_ids(root)) == {dataset.pk}
    with django_assert_num_queries(1):
        assert set(visible_ids(root)) == {dataset.pk}


def test_births_write_one_entry_a_dataset_and_change_only_what_they_may_be_in():
    owner, root = make_user(), principal_of(make_user(is_superuser=True))
    mine = make_dataset(owners=[owner])
    kept = visible_ids(principal_of(owner))
    assert set(visible_ids(root)) == {mine.pk}
    last = FactLog.objects.order_by("-seq").first().seq
    rows = Dataset.objects.bulk_create(Dataset(namespace="n", name=f"d{n}") for n in range(50))
    entries = FactLog.objects.filter(seq__gt=last, kind=FactKind.DATASET_BORN)
    assert sorted(entries.values_list("key", flat=True)) == sorted(row.pk for row in rows)
    assert len(visible_ids(root)) == 51
    assert visible_ids(principal_of(owner)) is kept


def test_an_emptied_table_empties_what_is_kept():
    root = principal_of(make_user(is_superuser=True))
    make_dataset()
    assert len(visible_ids(root)) == 1
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE catalog_dataset CASCADE")
    assert len(visible_ids(root)) == 0


def test_trimming_keeps_what_somebody_may_not_have_seen(other):
    user, dataset = make_user(), make_dataset()
    FactLog.objects.all().delete()
    other.set_autocommit(False)
    with other.cursor() as cursor, connection.cursor() as here:
        grant_sql(cursor, user, dataset)
        make_dataset()
        entries = FactLog.objects.count() + 1  # the grant is not seen yet
        assert trim_fact_log(here) == 0
        FactLogMark.objects.update(at="2020-01-01T00:00:00Z")
        other.commit()
        # the grant was logged first, but was committed after the mark
        assert trim_fact_log(here) == 0
        # as if nothing else ran on this server when the mark was made
        horizon = read_position(here).xmax
        FactLogMark.objects.update(at="2020-01-01T00:00:00Z", horizon=horizon)
        assert trim_fact_log(here) == entries
    assert FactLog.objects.count() == 0


def test_after_a_crash_or_a_restore_everything_is_read_anew():
    root = principal_of(make_user(is_superuser=True))
    row = make_dataset()
    assert set(visible_ids(root)) == {row.pk}
    with connection.cursor() as cursor:
        position = read_position(cursor)
        # transactions that never come into the log, as if they were lost with the crash
        cursor.execute("ALTER TABLE catalog_dataset DISABLE TRIGGER fact_delete")
        Dataset.objects.filter(pk=row.pk).delete()
        cursor.execute("ALTER TABLE catalog_dataset ENABLE TRIGGER fact_delete")
        FactLog.objects.all().delete()
        assert set(visible_ids(root)) == {row.pk}
        cursor.execute("TRUNCATE governance_factepoch")
        assert read_position(cursor).life is None
        assert read_changes(cursor, position)[1] is None
        assert set(visible_ids(root)) == set()
        assert set(visible_ids(root)) == set()
        assert read_position(cursor).life not in {None, position.life}
        later = replace(position, xmax=position.xmax + 1000)
        assert read_changes(cursor, later)[1] is None


def test_entries_and_marks_of_a_restored_dump_neither_stay_nor_trim(other):
    FactLog.objects.all().delete()
    FactLog.objects.create(xid=2**40, kind=FactKind.POLICY)
    FactLogMark.objects.create(at="2020-01-01T00:00:00Z", horizon=2**40, life="another")
    make_dataset()
    with connection.cursor() as cursor:
        assert trim_fact_log(cursor) == 1
    kinds = set(FactLog.objects.values_list("kind", flat=True))
    assert FactKind.DATASET_BORN in kinds
    assert FactKind.POLICY not in kinds


def test_a_process_that_looked_long_ago_starts_anew():
    make_dataset()
    with connection.cursor() as cursor:
        position = read_position(cursor)
        old = replace(position, at=position.at - 3600)
        assert read_changes(cursor, old)[1] is None
        assert read_changes(cursor, position)[1] == []
