"""The searched words of datasets: what two writers change at once, and all made anew."""

import threading
import time

import pytest
from django.contrib.postgres.search import SearchQuery
from django.core.management import call_command
from django.db import connection, transaction

from catalog.models import Dataset, SearchEntry
from catalog.services.datasets import describe
from catalog.services.tags import tag_dataset
from governance.models import AuditRecord
from tests.factories.catalog import make_dataset


def bearing(word: str) -> list[str]:
    rows = SearchEntry.objects.filter(words=SearchQuery(word, config="simple"))
    return sorted(rows.values_list("dataset__name", flat=True))


@pytest.mark.django_db(transaction=True)
def test_two_changes_of_one_dataset_at_once_are_both_found() -> None:
    row = make_dataset("orders")
    tagged, blocked = threading.Event(), threading.Event()

    def write_tag() -> None:
        with transaction.atomic():
            tag_dataset(Dataset.objects.get(pk=row.pk), tag="golden")
            tagged.set()
            # until the other writer waits for this one
            blocked.wait(timeout=20)
        connection.close()

    def write_description() -> None:
        tagged.wait(timeout=20)
        describe(Dataset.objects.get(pk=row.pk), description="what was bought", actor="ada")
        connection.close()

    writers = [threading.Thread(target=each) for each in (write_tag, write_description)]
    for each in writers:
        each.start()
    tagged.wait(timeout=20)
    while not _somebody_waits():
        time.sleep(0.01)
    blocked.set()
    for each in writers:
        each.join()

    assert (bearing("golden"), bearing("bought")) == (["orders"], ["orders"])


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool(cursor.fetchone()[0])


@pytest.mark.django_db
def test_reindex_makes_lost_and_wrong_words_anew(capsys) -> None:
    for name in ("orders", "people", "planes"):
        make_dataset(name)
    SearchEntry.objects.filter(dataset__name="orders").delete()
    SearchEntry.objects.filter(dataset__name="people").update(words="wrong")

    call_command("reindex")

    assert [bearing(each) for each in ("orders", "people", "planes", "wrong")] == [
        ["orders"],
        ["people"],
        ["planes"],
        [],
    ]
    assert capsys.readouterr().out.splitlines()[-1] == "3 datasets have their words anew"
    assert AuditRecord.objects.filter(action="catalog.reindex").count() == 1
