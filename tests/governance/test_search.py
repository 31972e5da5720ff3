"""Search for owner, team-mate and outsider: hits, counts, order, facets, spelling and suggestions within what each may see."""

import pytest

from catalog.models import Dataset, SearchEntry
from catalog.services.datasets import remove_owner
from catalog.services.glossary import change_term, create_term, delete_term, link_dataset
from catalog.services.search import refresh_search_text
from governance.effective.ids import Ids
from governance.effective.leaves import Column
from governance.effective.look import Filters, find_subject
from governance.effective.store import STORE, Session
from governance.policy.types import Action
from governance.queries import principal_of
from governance.search import search, suggest
from tests.factories.catalog import make_dataset, make_domain
from tests.factories.governance import make_grant
from tests.factories.identity import make_actors, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def actors():
    STORE.forget()
    yield make_actors()
    STORE.forget()


def indexed(*args, **kwargs):
    row = make_dataset(*args, **kwargs)
    refresh_search_text([row.pk])
    return row


def found(who, text, **kwargs):
    page = search(principal_of(who), text, **kwargs)
    names = dict(Dataset.objects.values_list("pk", "name"))
    return [names[hit.id] for hit in page.hits]


@pytest.fixture
def salaries(actors):
    """Owned by one; the team-mate may know that it is there; the outsider may not."""
    row = indexed(
        "hr.salaries",
        description="What everybody earns, bonus included",
        fields=[("employee_id", "long"), ("iban", "string", ["pii.iban"])],
        owners=[actors.owner],
        tags=["secret"],
    )
    make_grant(actors.team_mate, row, Action.DISCOVER)
    return row


@pytest.mark.parametrize(
    ("text", "owner", "team_mate"),
    [
        ("salaries", 1, 1),
        ("hr.sal", 1, 1),
        ("alar", 1, 1),
        ("earns", 1, 0),
        ("bonus", 1, 0),
        ("iban", 1, 0),
        ("employee_id", 1, 0),
        ("employee", 1, 0),
        ("ploye", 1, 0),
        ("pii.iban", 1, 0),
        ("secret", 1, 0),
        ("owner", 1, 0),
        ("salaries -hr", 0, 0),
        ("salaries -iban", 0, 1),
        ("salaries nothing", 0, 0),
        ("%", 0, 0),
        ("'", 0, 0),
        ("a' | 'b", 0, 0),
        ("", 1, 1),
    ],
)
def test_words_match_where_they_may_be_seen(actors, salaries, text, owner, team_mate):
    actors.owner.username = "owner"
    actors.owner.save()
    refresh_search_text([salaries.pk])
    for who, count in ((actors.owner, owner), (actors.team_mate, team_mate), (actors.outsider, 0)):
        page = search(principal_of(who), text)
        assert (page.total, len(page.hits)) == (count, count)
        facet_total = sum(count for counts in page.facets.values() for _, count in counts)
        assert (facet_total > 0) == (count > 0)


def test_facets_count_only_what_may_be_seen(actors, salaries):
    page = search(principal_of(actors.owner), "salaries")
    owner = f"user:{actors.owner.username}"
    assert page.facets == {
        "kind": [("table", 1)],
        "domain": [],
        "tag": [("pii.iban", 1), ("secret", 1)],
        "owner": [(owner, 1)],
        "namespace": [("lakewarden", 1)],
    }
    assert page.estimates == ()
    page = search(principal_of(actors.team_mate), "salaries")
    assert page.facets["tag"] == []
    assert page.hits[0].snippet == ""


def test_snippets_mark_the_match_for_those_who_may_view_the_metadata(actors, salaries):
    (hit,) = search(principal_of(actors.owner), "bonus").hits
    assert "«bonus»" in hit.snippet


def test_better_names_come_first(actors):
    names = ["raw.orders_old", "mart.orders", "orders", "orders.daily", "lines", "x.my_orders_2"]
    for name in names:
        indexed(name, owners=[actors.owner], description="orders" if name == "lines" else "")
    assert found(actors.owner, "orders") == [
        "orders",
        "mart.orders",
        "orders.daily",
        "raw.orders_old",
        "x.my_orders_2",
        "lines",
    ]
    assert found(actors.owner, "orders", offset=2, limit=2) == ["orders.daily", "raw.orders_old"]


def test_hidden_words_do_not_change_the_order(actors):
    first = indexed("sales.plain", owners=[actors.owner])
    second = indexed("sales.wordy", owners=[actors.owner], description="sales sales sales")
    for row in (first, second):
        make_grant(actors.team_mate, row, Action.DISCOVER)
    assert found(actors.owner, "sales") == ["sales.wordy", "sales.plain"]
    assert found(actors.team_mate, "sales") == ["sales.plain", "sales.wordy"]


def test_a_change_is_found_by_the_next_query(actors):
    row = indexed("raw.flights", owners=[actors.owner])
    assert found(actors.owner, "delays") == []
    Dataset.objects.filter(pk=row.pk).update(description="with delays", name="raw.journeys")
    refresh_search_text([row.pk])
    assert found(actors.owner, "delays") == ["raw.journeys"]
    assert found(actors.owner, "raw.flights") == []


def test_owners_are_found_by_the_names_they_have_now(actors):
    group = actors.team
    row = indexed("raw.flights", owners=[actors.owner, group])
    root = make_user(is_superuser=True)
    actors.owner.username = "wilbur"
    actors.owner.save()
    group.name = "aviators"
    group.save()
    assert found(root, "wilbur") == found(root, "aviators") == [row.name]
    remove_owner(row, owner=group, actor="t")
    assert found(root, "aviators") == []
    actors.owner.delete()
    assert found(root, "wilbur") == []
    assert found(root, "flights") == [row.name]


def test_a_removed_dataset_leaves_no_words(actors):
    row = indexed("raw.flights", owners=[actors.owner])
    row.delete()
    assert list(SearchEntry.objects.values_list("dataset", flat=True)) == []


def test_terms_are_words_for_those_who_may_view_the_metadata(actors, salaries):
    term = create_term(
        domain=make_domain("Hr"), name="Remuneration", synonyms=["take-home pay"], actor="t"
    )
    link_dataset(salaries, term=term, actor="t")
    for text in ("remuneration", "take-home", "remunerat"):
        assert found(actors.owner, text) == ["hr.salaries"]
        assert found(actors.team_mate, text) == []
    change_term(term, changes={"name": "Wages"}, actor="t")
    assert found(actors.owner, "remuneration") == []
    assert found(actors.owner, "wages") == ["hr.salaries"]
    delete_term(term, actor="t")
    assert found(actors.owner, "wages") == []


def test_endless_words_are_cut(actors):
    word = "ä" * 3_000
    row = indexed(
        f"raw.{word[:900]}",
        description=f"{word} short",
        fields=[(word[:500], "string")],
        owners=[actors.owner],
    )
    for text in (word[:200], word[:300], "short"):
        assert found(actors.owner, text) == [row.name]
    assert found(actors.owner, word[:200] + "b") == [row.name]


def test_misspelt_words_are_read_as_those_that_something_visible_has(actors, salaries):
    for who, corrected, total in (
        (actors.owner, "salaries", 1),
        (actors.team_mate, "salaries", 1),
        (actors.outsider, None, 0),
    ):
        page = search(principal_of(who), "salareis")
        assert (page.corrected, page.total) == (corrected, total)
    page = search(principal_of(actors.owner), "employe_xyzzy")
    assert (page.corrected, page.total) == (None, 0)
    assert search(principal_of(actors.owner), "everybdy").corrected == "everybody"
    assert search(principal_of(actors.team_mate), "everybdy").corrected is None


def test_suggestions_are_of_what_may_be_seen(actors, salaries):
    def texts(who, typed):
        return [(each.kind, each.text) for each in suggest(principal_of(who), typed)]

    dataset = ("dataset", "hr.salaries")
    assert texts(actors.owner, "sal") == [dataset]
    assert texts(actors.owner, "HR.s") == [dataset]
    assert texts(actors.owner, "empl") == [("column", "employee_id")]
    assert texts(actors.owner, "pii") == [("tag", "pii.iban")]
    assert texts(actors.owner, "ib") == [("column", "iban")]
    assert texts(actors.team_mate, "sal") == [dataset]
    assert texts(actors.team_mate, "empl") == texts(actors.team_mate, "pii") == []
    assert texts(actors.outsider, "sal") == texts(actors.outsider, "ib") == []
    assert texts(actors.owner, "s") == []
    assert texts(actors.owner, "s%") == [dataset]
    assert texts(actors.owner, "__") == texts(actors.owner, "sa_a") == []


def test_filters_narrow_and_tell_nothing(actors):
    outer = make_domain("Sales")
    inner = make_domain("Orders", parent=outer)
    row = indexed("a.t", domain=inner, kind="view", tags=["gold"], owners=[actors.owner])
    indexed("b.t", owners=[actors.owner])
    make_grant(actors.team_mate, row, Action.DISCOVER)
    owner = find_subject("user", actors.owner.username)
    for filters, seen_by_team_mate in (
        (Filters(domain="sales"), True),
        (Filters(domain="orders", kind="view"), True),
        (Filters(tag="gold"), False),
        (Filters(owner=owner, kind="view"), True),
        (Filters(among=(Dataset.objects.filter(name="a.t"),)), True),
        (Filters(described_among=(Dataset.objects.filter(name="a.t"),)), False),
    ):
        assert found(actors.owner, "", filters=filters) == ["a.t"]
        assert found(actors.team_mate, "", filters=filters) == (
            ["a.t"] if seen_by_team_mate else []
        )
        assert found(actors.outsider, "", filters=filters) == []
    for filters in (Filters(domain="no"), Filters(tag="no"), Filters(namespace="no")):
        assert found(actors.owner, "", filters=filters) == []


def test_hits_beyond_the_ranked_come_too(actors, monkeypatch):
    monkeypatch.setattr("governance.search.MAX_RANKED", 2)
    monkeypatch.setattr("governance.search.SAMPLE", 2)
    rows = [indexed(f"t{n}.orders", owners=[actors.owner]) for n in range(5)]
    page = search(principal_of(actors.owner), "orders", limit=10)
    assert [hit.id for hit in page.hits] == [row.pk for row in rows]
    assert (page.total, page.estimates) == (5, ("owner", "tag"))
    assert page.facets["kind"] == [("table", 5)]
    assert page.facets["namespace"] == [("lakewarden", 5)]


@pytest.mark.django_db(transaction=True)
def test_kept_words_follow_each_change(actors):
    root = make_user(is_superuser=True)
    rows = [indexed(f"raw.t{n}", description="alpha") for n in range(3)]
    names = [row.name for row in rows]
    assert found(root, "alpha") == names
    Dataset.objects.filter(pk=rows[1].pk).update(description="beta")
    refresh_search_text([rows[1].pk])
    assert found(root, "alpha") == [names[0], names[2]]
    late = indexed("raw.late", description="alpha")
    assert found(root, "alpha") == [names[0], names[2], late.name]
    rows[0].delete()
    assert found(root, "alpha") == [names[2], late.name]


def test_names_are_asked_of_only_where_something_may_be_named_so(actors, monkeypatch):
    indexed("raw.orders", owners=[actors.owner], description="of the month")
    asked: list[str] = []
    posting = Session.posting

    def noted(session: Session, column: Column, query: str) -> Ids:
        asked.append(query)
        return posting(session, column, query)

    monkeypatch.setattr(Session, "posting", noted)
    principal = principal_of(actors.owner)
    for text, whole in (("month", []), ("orders", ["'n=orders':*", "'l=orders'"])):
        asked.clear()
        assert search(principal, text).total == 1
        assert [each for each in asked if "=" in each] == whole
    asked.clear()
    assert [hit.rank >= 4 for hit in search(principal, "raw.orders").hits] == [True]
    assert "'n=raw.orders'" in asked
