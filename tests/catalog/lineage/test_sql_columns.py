"""Column lineage out of SQL: what surely follows, and nothing that does not."""

import pytest

from catalog.lineage.events import Name
from catalog.lineage.sql_columns import MAX_QUERY, Table, parse_column_edges

ORDERS = Table(Name("db", "shop.public.orders"), ("id", "Customer", "amount"))
CUSTOMERS = Table(Name("db", "shop.public.customers"), ("id", "email"))
REPORT = Table(Name("db", "shop.public.report"), ("customer", "total", "mail"))


def edges(query, *, output=REPORT, inputs=(ORDERS, CUSTOMERS), **options):
    """{(table, field, target, subtype)} of the parsed edges."""
    found = parse_column_edges(query, inputs=inputs, output=output, **options)
    assert all((each.type, each.parsed, each.masking) == ("DIRECT", True, False) for each in found)
    return {(e.source.name.rpartition(".")[2], e.field, e.target, e.subtype) for e in found}


@pytest.mark.parametrize(
    ("query", "dialect", "wanted"),
    [
        (
            (
                "INSERT INTO report SELECT o.customer, sum(o.amount), lower(c.email) FROM public.orders o"
                " JOIN customers c ON c.id = o.customer GROUP BY 1, 3"
            ),
            "postgres",
            {
                ("orders", "Customer", "customer", "IDENTITY"),
                ("orders", "amount", "total", "AGGREGATION"),
                ("customers", "email", "mail", "TRANSFORMATION"),
            },
        ),
        (
            (
                "CREATE TABLE shop.public.report AS WITH x AS (SELECT id, amount * 2 AS a FROM orders)"
                " SELECT x.a AS total FROM x"
            ),
            "",
            {("orders", "amount", "total", "TRANSFORMATION")},
        ),
        (
            "WITH x AS (SELECT id, amount FROM orders) INSERT INTO report (total) SELECT amount FROM x",
            "spark",
            {("orders", "amount", "total", "IDENTITY")},
        ),
        ("SELECT *, 1 AS other FROM orders", "", {("orders", "Customer", "customer", "IDENTITY")}),
        (
            "SELECT id AS total FROM orders UNION ALL SELECT id FROM customers",
            "",
            {("orders", "id", "total", "IDENTITY"), ("customers", "id", "total", "IDENTITY")},
        ),
        (
            "INSERT INTO report (mail) SELECT (SELECT max(email) FROM customers)",
            "",
            {("customers", "email", "mail", "AGGREGATION")},
        ),
        (
            "INSERT INTO `shop.public.report` SELECT id, id, id FROM `shop.public.orders`",
            "bigquery",
            {("orders", "id", each, "IDENTITY") for each in ("customer", "total", "mail")},
        ),
        (
            "DELETE FROM report; INSERT INTO report (mail) SELECT email FROM customers; COMMIT",
            "postgresql",
            {("customers", "email", "mail", "IDENTITY")},
        ),
    ],
)
def test_what_follows(query, dialect, wanted):
    assert edges(query, dialect=dialect) == wanted


@pytest.mark.parametrize(
    "query",
    [
        "",
        "not sql at all (",
        "DROP TABLE report",
        "INSERT INTO other SELECT id FROM orders",
        "INSERT INTO report (total) SELECT id FROM elsewhere",
        "INSERT INTO report (total) SELECT 1",
        "INSERT INTO report (total) SELECT amount FROM orders -- " + "x" * MAX_QUERY,
        "SELECT " + "(" * 5_000 + "1" + ")" * 5_000,
    ],
)
def test_what_does_not_follow(query):
    assert edges(query) == set()


def test_a_table_that_may_be_two_inputs_is_neither():
    twin = Table(Name("other", "shop.public.orders"), ("amount",))
    assert edges("INSERT INTO report (total) SELECT amount FROM orders", inputs=(ORDERS, twin)) == (
        set()
    )


def test_a_bare_query_fills_the_only_output():
    query = "SELECT amount AS total FROM orders"
    assert edges(query) == {("orders", "amount", "total", "IDENTITY")}
    assert edges(query, is_only_output=False) == set()


def test_paths_that_double_at_each_step_are_gone_through_once():
    steps = ", ".join(f"x{n} AS (SELECT a + a AS a FROM x{n - 1})" for n in range(1, 40))
    query = f"WITH x0 AS (SELECT amount AS a FROM orders), {steps} SELECT a AS total FROM x39"
    assert edges(query) == {("orders", "amount", "total", "TRANSFORMATION")}
