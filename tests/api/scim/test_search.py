"""Filters, orders and pages of the database equal those of `scim2_models` in memory."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scim2_models import InvalidFilterException, ScimFilter, SearchRequest

from api.scim.filters import GROUP_ATTRIBUTES, USER_ATTRIBUTES, condition_of
from api.scim.rendering import groups, render_group, render_user, users
from api.scim.schemas import EXTENDED_USER, MAX_RESULTS, PROVIDER, Group
from tests.api.scim.conftest import ENTERPRISE
from tests.factories.identity import make_user

pytestmark = pytest.mark.django_db
PEOPLE = (
    ("ada", {"title": "Countess", "externalId": "00u1", ENTERPRISE: {"department": "Analytics"}}),
    ("Bob", {"name": {"givenName": "Bob", "familyName": "O'Hare%_"}, "active": False}),
    (
        "eve",
        {
            "displayName": 'eve "Q" \\',
            "emails": [
                {"value": "Eve@Example.org", "type": "work", "primary": True},
                {"value": "eve@home.example", "type": "home", "primary": False},
            ],
        },
    ),
    ("zoë", {"title": "countess", "emails": [{"value": "z@example.org"}]}),
)
TEXTS = [
    "ada",
    "ADA",
    "b",
    "countess",
    "Count",
    "eve@example.org",
    "example",
    "work",
    "00u1",
    "00U1",
]
TEXTS += ["O'Hare%_", "%", "_", '"Q"', "\\", "Analytics", "u1", "ë", "Ë"]
TEXT_PATHS = ["userName", "title", "displayName", "externalId", "name.familyName", "emails"]
TEXT_PATHS += ["emails.value", "emails.type", "groups.display", f"{ENTERPRISE}:department", "id"]


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def comparisons(paths):
    operators = st.sampled_from(["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"])
    texts = st.sampled_from(TEXTS).map(quoted)
    compared = st.tuples(st.sampled_from(paths), operators, texts).map(" ".join)
    nothing = st.tuples(st.sampled_from(paths), st.sampled_from(["eq", "ne"]), st.just("null"))
    return compared | nothing.map(" ".join) | st.sampled_from(paths).map("{} pr".format)


BOOLEANS = st.sampled_from(
    [
        "active eq true",
        "active eq false",
        "active ne true",
        "active pr",
        "emails.primary eq true",
        "emails.primary eq false",
        "emails.primary pr",
        "emails[primary eq false]",
    ]
)
VALUE_PATHS = comparisons(["value", "type"]).map("emails[{}]".format)
SIMPLE = comparisons(TEXT_PATHS) | BOOLEANS | VALUE_PATHS
FILTERS = st.recursive(
    SIMPLE,
    lambda inner: (
        st.tuples(inner, inner).map("({0[0]}) and ({0[1]})".format)
        | st.tuples(inner, inner).map("({0[0]}) or {0[1]}".format)
        | inner.map("not ({})".format)
    ),
    max_leaves=4,
)


@pytest.fixture
def world(provider):
    made = {name: provider.make_user(name, **more)["id"] for name, more in PEOPLE}
    make_user("here", email="here@example.org")
    provider.make_group("Countesses", made["ada"], made["zoë"], externalId="00u1")
    provider.make_group("empty")


def test_a_users_filter_means_what_the_reference_says(world):
    with PROVIDER:
        resources = {user.pk: render_user(user) for user in users()}

        @settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
        @given(FILTERS)
        def check(text):
            try:
                node = ScimFilter[EXTENDED_USER](text)
            except InvalidFilterException:  # such as an address that is none
                return
            expected = {key for key, each in resources.items() if node.match(each)}
            found = set(
                users().filter(condition_of(node.ast, USER_ATTRIBUTES)).values_list("pk", flat=True)
            )
            assert found == expected

        check()


def test_a_groups_filter_means_what_the_reference_says(world):
    paths = ["displayName", "externalId", "members.value", "members", "id"]
    with PROVIDER:
        resources = {group.pk: render_group(group) for group in groups()}

        @settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
        @given(comparisons(paths))
        def check(text):
            node = ScimFilter[Group](text)
            expected = {key for key, each in resources.items() if node.match(each)}
            condition = condition_of(node.ast, GROUP_ATTRIBUTES)
            assert set(groups().filter(condition).values_list("pk", flat=True)) == expected

        check()


@pytest.mark.parametrize("order", ["ascending", "descending"])
@pytest.mark.parametrize("path", ["userName", "title", "emails", "name.familyName", "active"])
def test_an_order_is_that_of_the_reference(world, provider, path, order):
    with PROVIDER:
        resources = [render_user(user) for user in users().order_by("pk")]
        asked = SearchRequest[EXTENDED_USER](sort_by=path, sort_order=order)
        expected = [(asked.sort_value(each), each.user_name) for each in asked.sort(resources)]
    names = provider.names("/Users", sortBy=path, sortOrder=order)
    values = {name: value for value, name in expected}
    assert [values[name] for name in names] == [value for value, _ in expected]


def test_pages_are_whole_and_bounded(world, provider):
    everything = provider.names("/Users", sortBy="userName")
    assert everything == ["ada", "Bob", "eve", "here", "root", "zoë"]
    pages = [
        provider.get("/Users", sortBy="userName", startIndex=start, count=2).json()
        for start in (1, 3, 5, 7)
    ]
    found = [each["userName"] for page in pages for each in page["Resources"]]
    assert found == everything
    assert {page["totalResults"] for page in pages} == {len(everything)}
    assert [page["itemsPerPage"] for page in pages] == [2, 2, 2, 0]
    empty = provider.get("/Users", count=0).json()
    assert (empty["totalResults"], empty["Resources"]) == (len(everything), [])
    assert provider.get("/Users", startIndex=-5, count=100_000).json()["startIndex"] == 1
    assert MAX_RESULTS == 200


def test_a_list_costs_the_same_whatever_its_length(world, provider, django_assert_max_num_queries):
    with django_assert_max_num_queries(30) as queries:
        provider.names("/Users", count=1)
    asked = len(queries)
    with django_assert_max_num_queries(asked):
        assert len(provider.names("/Users")) > 4
    with django_assert_max_num_queries(asked):
        provider.names("/Groups")


def test_what_is_no_filter_is_refused_in_scims_words(provider):
    cases = {
        "userName eq": "invalidFilter",
        "userName xx 1": "invalidFilter",
        'nothing eq "x"': "invalidFilter",
        'active gt "x"': "invalidFilter",
        'meta.created gt "yesterday"': "invalidFilter",
    }
    for text, kind in cases.items():
        answer = provider.get("/Users", filter=text)
        assert (answer.status_code, answer.json().get("scimType")) == (400, kind), text
    long = {"filter": "(" * 9000 + 'userName eq "a"' + ")" * 9000}
    assert provider.send("POST", "/Users/.search", long).json()["scimType"] == "invalidFilter"
    for query in ({"sortBy": "nothing"}, {"sortBy": "emails.type"}):
        answer = provider.get("/Users", **query)
        assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidPath")
    assert provider.get("/Users", startIndex="x").status_code == 400


def test_a_search_by_post_and_over_both_kinds(world, provider):
    body = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
        "filter": 'externalId eq "00u1"',
        "sortBy": "displayName",
        "attributes": ["displayName", "userName"],
    }
    kinds = {
        path: [
            each.get("userName") or each["displayName"]
            for each in provider.send("POST", path, body).json()["Resources"]
        ]
        for path in ("/Users/.search", "/Groups/.search", "/.search")
    }
    assert kinds == {
        "/Users/.search": ["ada"],
        "/Groups/.search": ["Countesses"],
        "/.search": ["Countesses", "ada"],
    }
    body["filter"] = 'userName sw "a"'
    assert len(provider.send("POST", "/.search", body).json()["Resources"]) == 1
