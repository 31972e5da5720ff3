"""Sets of words: some of many, read ahead beside the questions, and never behind a commit."""

import pytest
from django.db import connection

from catalog.models import Dataset, Field
from catalog.queries.search import common_words, starting
from catalog.services.datasets import describe
from catalog.services.search import refresh_search_text
from core.clock import utc_now
from governance.effective import postings as kept
from governance.effective import warming
from governance.effective.store import STORE
from governance.queries import principal_of
from governance.search import search, suggest
from tests.factories.catalog import make_dataset
from tests.factories.identity import make_user

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def root():
    return principal_of(make_user(is_superuser=True))


@pytest.fixture
def crowd(monkeypatch):
    """Ten datasets that count as many."""
    for name, value in (("FEW", 0), ("SAMPLE", 6), ("LOOKED_AT", 0)):
        monkeypatch.setattr(kept, name, value)
    monkeypatch.setattr(warming, "SAMPLE", 6)
    monkeypatch.setattr(warming, "COMMON", 5)
    rows = [
        make_dataset(f"raw.orders_{n}", description="daily", fields=["total"]) for n in range(10)
    ]
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE catalog_searchentry")
    return rows


def names(principal, typed):
    """The first suggestion, out of four."""
    return [each.text for each in suggest(principal, typed, limit=1) if each.kind == "dataset"]


def test_suggestions_look_at_some_of_many(crowd, root):
    assert names(root, "or") == [crowd[0].name]
    assert list(STORE.postings.samples) == [("names", "'or':*")]
    assert list(STORE.postings.kept) == [("names", "'l=or'")]


def test_a_suggestion_asked_again_reads_no_words(
    crowd, root, monkeypatch, django_assert_num_queries
):
    """Three queries: columns and names in the order of their index, and the log of changes."""
    whole = [each.text for each in suggest(root, "to")]
    assert whole == ["total"]
    with django_assert_num_queries(3):
        assert [each.text for each in suggest(root, "to")] == whole
    assert list(STORE.postings.parts) == [("words", "'c=total'")]


def test_some_that_have_a_word_are_followed(crowd, root, monkeypatch):
    monkeypatch.setattr(kept, "LOOKED_AT", 2)
    assert [each.text for each in suggest(root, "tot")] == ["total"]
    (part,) = STORE.postings.parts.values()
    assert 0 < len(part.ids) < len(crowd)
    Field.objects.filter(dataset__in=[*part.ids]).update(removed_at=utc_now())
    refresh_search_text([*part.ids])
    assert [each.text for each in suggest(root, "tot")] == ["total"]
    Field.objects.update(removed_at=utc_now())
    refresh_search_text([row.pk for row in crowd])
    assert suggest(root, "tot") == []


def test_a_kept_sample_shows_no_name_that_is_no_more(crowd, root):
    names(root, "or")
    Dataset.objects.filter(pk=crowd[0].pk).update(name="raw.lines")
    Dataset.objects.filter(pk=crowd[1].pk).update(deleted_at=utc_now())
    refresh_search_text([crowd[0].pk])
    assert names(root, "or") == [crowd[2].name]
    assert ("names", "'or':*") not in STORE.postings.kept
    assert names(root, "lin") == ["raw.lines"]


@pytest.mark.parametrize("few", [0, 5_000])
def test_suggestions_look_at_all_for_who_sees_few_of_them(crowd, monkeypatch, few):
    monkeypatch.setattr(kept, "FEW", few)
    owner = make_user()
    row = make_dataset("raw.orders_own", owners=[owner])
    assert names(principal_of(owner), "or") == [row.name]
    # what one sees is asked for alone where that is little, and not kept
    assert (("names", "'or':*") in STORE.postings.kept) == (not few)
    assert names(principal_of(make_user()), "or") == []


def test_common_words_are_read_ahead_and_follow_each_change(crowd, root):
    assert {*common_words(at_least=5, limit=10)} == {
        "raw",
        "orders",
        "daily",
        "total",
        "lakewarden",
    }
    assert warming.read_ahead(STORE) == 5 * 4 + 5 * 2
    assert ("words", "'daily':*") in STORE.postings.kept
    describe(crowd[3], description="weekly", actor="t")
    late = make_dataset("raw.late", description="daily")
    found = search(root, "daily")
    assert [hit.id for hit in found.hits] == [
        *(row.pk for row in crowd if row != crowd[3]),
        late.pk,
    ]


def test_what_changed_while_a_set_was_read_is_looked_at_again(crowd, root, monkeypatch):
    read = warming.read_posting

    def slowly(cursor, column, query, *, most):
        ids = read(cursor, column, query, most=most)
        if query == "'daily':*":
            describe(crowd[0], description="weekly", actor="t")
        return ids

    monkeypatch.setattr(warming, "read_posting", slowly)
    warming.read_ahead(STORE)
    assert [hit.id for hit in search(root, "daily").hits] == [row.pk for row in crowd[1:]]


def test_reading_ahead_ends_where_all_was_forgotten(crowd, monkeypatch):
    read = warming.read_posting

    def forgotten(cursor, column, query, *, most):
        STORE.forget()
        return read(cursor, column, query, most=most)

    monkeypatch.setattr(warming, "read_posting", forgotten)
    assert warming.read_ahead(STORE) == 0
    assert list(STORE.postings.kept) == []


def test_only_large_catalogs_read_ahead_and_only_once(crowd, root, monkeypatch):
    started = []
    monkeypatch.setattr(
        warming.threading, "Thread", lambda **kwargs: started.append(kwargs) or Still()
    )
    monkeypatch.setattr(warming, "_not_before", 0.0)
    names(root, "or")
    assert started == []
    monkeypatch.setattr(warming, "MANY", 5)
    names(root, "or")
    names(root, "or")
    assert [each["name"] for each in started] == ["keep-common-words"]
    STORE.forget()
    names(root, "or")
    assert len(started) == 1


class Still:
    """A thread that does not begin."""

    def start(self) -> None:
        pass


def test_names_are_found_by_their_beginning(crowd):
    assert starting("raw.orders_", limit=3) == [row.pk for row in crowd[:3]]
    assert starting("raw.orders_9", limit=3) == [crowd[9].pk]
    assert starting("raw_orders", limit=3) == starting("%", limit=3) == []
