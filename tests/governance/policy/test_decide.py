"""The kernel against the oracle over random worlds, and the rules that a reader would ask about, by example."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import duckdb
import pytest
from hypothesis import event, given, settings

from governance.policy import decide, restrict
from governance.policy.mask_sql import column_sql
from governance.policy.masks import Mask
from governance.policy.types import (
    Action,
    Allow,
    Deny,
    DomainInfo,
    Facts,
    FieldInfo,
    FilterRows,
    Grant,
    MaskColumns,
    Policy,
    Principal,
    Resource,
    Scope,
    Subject,
    SubjectMatch,
    Target,
)
from tests.governance.policy import oracle, worlds

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ROWS = [
    {"region": region, "age": age, "mail": mail}
    for region, age, mail in [
        ("EU", 17, "a@x.org"),
        ("EU", 40, None),
        ("US", 18, "b@x.org"),
        ("US", 31, "c@x.org"),
        (None, 50, "d@x.org"),
        ("ASIA", None, "e@x.org"),
    ]
]
DUCKDB_TYPES = {"string": "VARCHAR", "int": "INTEGER", "decimal(9, 2)": "DECIMAL(9, 2)"}


@settings(max_examples=150, deadline=None)
@given(worlds.cases)
def test_decide_and_restrict_agree_with_the_oracle(case):
    world, who = case
    facts, principal = worlds.as_facts(world), worlds.as_principal(who)
    for action in oracle.ACTIONS:
        predicate = restrict(principal, Action(action), facts)
        for dataset in world["datasets"]:
            resource = worlds.as_resource(world, dataset)
            expected = oracle.allowed(world, who, action, dataset)
            event(f"{action}: {expected}")
            decision = decide(principal, Action(action), resource, facts)
            assert (decision.allowed, predicate.matches(resource)) == (expected, expected)
            assert decision.reasons


@settings(max_examples=200, deadline=None)
@given(worlds.reading_worlds, worlds.readers)
def test_every_cell_is_as_the_oracle_says(world, who):
    facts, principal = worlds.as_facts(world), worlds.as_principal(who)
    for dataset in world["datasets"]:
        resource = worlds.as_resource(world, dataset)
        decision = decide(principal, Action.READ, resource, facts)
        if not decision.allowed:
            assert decision.obligations is None
            continue
        rows = _typed_rows(dataset)
        expected = oracle.visible_cells(world, who, dataset, rows)
        event(
            f"rows {len(expected)}, conditional {any(c.visible_when for c in decision.obligations.columns)}"
        )
        columns = [rule.name for rule in decision.obligations.columns]
        if not columns:
            assert all(row == {} for row in expected)
            continue
        assert _read(dataset, rows, decision.obligations) == [
            [row[name] for name in columns] for row in expected
        ]
        assert not expected or sorted(columns) == sorted(expected[0])


def _typed_rows(dataset):
    kinds = {"string": str, "int": int, "decimal(9, 2)": Decimal}
    types = {each["name"]: each["type"] for each in dataset["fields"]}
    numbers = {"EU": 1, "US": 2, "ASIA": 3}
    rows = []
    for row in ROWS:
        if types.get("region") == "int":
            row = {**row, "region": numbers.get(row["region"])}  # noqa: PLW2901
        rows.append(
            {name: None if row[name] is None else kinds[types[name]](row[name]) for name in types}
        )
    return rows


def _read(dataset, rows, obligations):
    """What DuckDB gives when the obligations are applied as a reader applies them."""
    connection = duckdb.connect()
    names = [each["name"] for each in dataset["fields"]]
    connection.execute(
        "CREATE TABLE t ("
        + ", ".join(f'"{each["name"]}" {DUCKDB_TYPES[each["type"]]}' for each in dataset["fields"])
        + ")"
    )
    connection.executemany(
        f"INSERT INTO t VALUES ({', '.join('?' for _ in names)})",
        [[row[name] for name in names] for row in rows],
    )
    select = ", ".join(column_sql(rule) for rule in obligations.columns)
    where = f" WHERE {obligations.row_filter}" if obligations.row_filter else ""
    return [list(row) for row in connection.execute(f"SELECT {select} FROM t{where}").fetchall()]


PASSENGERS = Resource(
    id=9,
    namespace="lake",
    name="passengers",
    kind="table",
    domain_path=(1, 2),
    owners=frozenset({Subject("user", 50)}),
    fields=(
        FieldInfo(1, "region", "string"),
        FieldInfo(2, "mail", "string", frozenset({"pii.email"})),
        FieldInfo(
            3,
            "mails",
            "long",
            frozenset({"pii.email"}),
            required=True,
            label_paths={"pii.email": (1, 3)},
        ),
    ),
)
DOMAINS = {
    1: DomainInfo(1, "travel", stewards=frozenset({Subject("group", 70)})),
    2: DomainInfo(2, "travel/passengers", 1),
}
EVERY = Scope(names=("*",))
ANALYST = Principal(1, "ann", groups=frozenset({7}), group_names=frozenset({"analysts"}))
OWNER = Principal(50, "olga")
STEWARD = Principal(60, "stef", groups=frozenset({70}))


def facts(*policies, grants=(), now=NOW):
    return Facts(now=now, grants=tuple(grants), policies=policies, domains=DOMAINS)


def read_grant(**more):
    return Grant(5, Subject("group", 7), Target("domain", 1), Action.READ, **more)


def policy(effect, *, name="p", scope=EVERY, **more):
    return Policy(id=name, name=name, version=3, scope=scope, effect=effect, **more)


def test_default_is_deny_and_says_what_is_missing():
    decision = decide(ANALYST, Action.READ, PASSENGERS, facts())
    assert (decision.effect, [(r.kind, r.text) for r in decision.reasons]) == (
        "deny",
        [("missing", "no grant, role or policy gives `read`; a grant of it would")],
    )


@pytest.mark.parametrize(
    ("principal", "may"),
    [
        (OWNER, {"discover", "view_metadata", "read", "write", "manage", "approve", "administer"}),
        (STEWARD, {"discover", "view_metadata", "manage", "approve", "administer"}),
        (
            Principal(2, "root", is_superuser=True),
            {"discover", "view_metadata", "manage", "approve", "administer"},
        ),
        (Principal(3, "outsider"), set()),
        (Principal(2, "root", is_superuser=True, is_active=False), set()),
        (
            Principal(50, "olga", actions=frozenset({Action.READ})),
            {"discover", "view_metadata", "read"},
        ),
    ],
)
def test_roles_give(principal, may):
    allowed = {
        str(action) for action in Action if decide(principal, action, PASSENGERS, facts()).allowed
    }
    assert allowed == may


def test_a_grant_holds_until_the_instant_it_expires():
    grant = read_grant(expires_at=NOW + timedelta(hours=1))
    before = facts(grants=[grant], now=NOW + timedelta(hours=1) - timedelta(microseconds=1))
    after = before.at(NOW + timedelta(hours=1))
    answers = [decide(ANALYST, Action.READ, PASSENGERS, each).allowed for each in (before, after)]
    assert answers == [True, False]


def test_an_explicit_deny_wins_over_owner_and_names_itself():
    deny = policy(Deny(frozenset({Action.VIEW_METADATA})), name="freeze")
    decision = decide(OWNER, Action.READ, PASSENGERS, facts(deny))
    assert [(r.kind, r.id, r.version, r.text) for r in decision.reasons] == [
        ("policy", "freeze", 3, "policy `freeze` denies")
    ]
    assert decide(OWNER, Action.DISCOVER, PASSENGERS, facts(deny)).allowed


def test_an_unreadable_policy_denies_everything_and_names_itself():
    broken = policy(Allow(frozenset({Action.READ})), name="torn", error="not YAML")
    decision = decide(OWNER, Action.DISCOVER, PASSENGERS, facts(broken))
    assert [r.text for r in decision.reasons] == [
        "policy `torn` cannot be read and denies everything: not YAML"
    ]


def test_a_filter_that_needs_a_missing_attribute_denies_and_names_itself():
    by_region = policy(FilterRows("region = principal.region"), name="by region")
    decision = decide(ANALYST, Action.READ, PASSENGERS, facts(by_region, grants=[read_grant()]))
    assert [r.text for r in decision.reasons] == [
        "policy `by region` cannot filter rows here and denies: the principal has no attribute `region`"
    ]


def test_a_grant_that_does_not_fit_opens_nothing_and_leaves_the_others():
    good, bad = read_grant(row_filter="region = 'EU'"), read_grant(row_filter="gone = 1")
    decision = decide(ANALYST, Action.READ, PASSENGERS, facts(grants=[bad, good]))
    assert decision.obligations.row_filter == "(\"region\" = 'EU')"
    assert [r.text for r in decision.reasons] == [
        "grant of `read` on the domain",
        (
            "grant of `read` on the domain: opens nothing, since row filter names field `gone`, "
            "which the dataset does not have"
        ),
    ]


def test_masks_combine_to_the_stronger_and_are_fitted_to_the_type():
    scope = Scope(field_tags=("pii.*",))
    decision = decide(
        ANALYST,
        Action.READ,
        PASSENGERS,
        facts(
            policy(MaskColumns(Mask.SHOW_LAST_4), name="a", scope=scope),
            policy(MaskColumns(Mask.MASK_ALPHANUM), name="b", scope=scope),
            grants=[read_grant()],
        ),
    )
    assert {rule.name: rule.mask for rule in decision.obligations.columns} == {
        "region": None,
        "mail": Mask.MASK_ALPHANUM,
        "mails": Mask.MASK_TO_FIXED_VALUE,
    }
    assert decision.reasons[-1].text == (
        "policy `b` masks `mail` by mask-alphanum, masks `mails` by mask-to-fixed-value "
        "(tag `pii.email` inherited along 1 edges of lineage)"
    )


def test_an_exception_spares_and_an_undeclared_purpose_does_not():
    deny = policy(
        Deny(frozenset({Action.READ})),
        exempt=SubjectMatch(groups=frozenset({"analysts"}), purposes=frozenset({"fraud"})),
    )
    world = facts(deny, grants=[read_grant()])
    declared = Principal(
        1, "ann", groups=frozenset({7}), group_names=frozenset({"analysts"}), purpose="fraud"
    )
    answers = [decide(who, Action.READ, PASSENGERS, world).allowed for who in (ANALYST, declared)]
    assert answers == [False, True]


@pytest.mark.parametrize(
    ("scope", "masked"),
    [
        (Scope(fields=("region",)), {"region"}),
        (Scope(field_tags=("pii.email",)), {"mail", "mails"}),
        # both are stated: both must fit
        (Scope(fields=("region", "mail"), field_tags=("pii.*",)), {"mail"}),
        (Scope(fields=("region",), field_tags=("pii.*",)), set()),
        (Scope(fields=("nothing",)), set()),
    ],
)
def test_a_mask_covers_the_fields_that_fit_name_and_tag(scope, masked):
    world = facts(policy(MaskColumns(Mask.REPLACE_WITH_NULL), scope=scope), grants=[read_grant()])
    obligations = decide(ANALYST, Action.READ, PASSENGERS, world).obligations
    assert {rule.name for rule in obligations.columns if rule.mask} == masked


@pytest.mark.parametrize(
    ("effect", "answers"),
    [
        # to whom it applies: who declares the purpose, another one, none
        (Allow(frozenset({Action.READ})), {"fraud": True, "sales": False, None: False}),
        (Deny(frozenset({Action.READ})), {"fraud": False, "sales": True, None: False}),
    ],
)
def test_a_purpose_that_is_not_declared_gains_nothing(effect, answers):
    """An allow for a purpose is for those who declare it; a deny for a purpose holds for those who hide theirs too."""
    grants = [read_grant()] if isinstance(effect, Deny) else []
    world = facts(policy(effect, purposes=frozenset({"fraud"})), grants=grants)
    found, listed = {}, {}
    for purpose in answers:
        who = Principal(
            1,
            "ann",
            groups=frozenset({7}),
            group_names=frozenset({"analysts"}),
            purpose=purpose,
        )
        found[purpose] = decide(who, Action.READ, PASSENGERS, world).allowed
        listed[purpose] = restrict(who, Action.READ, world).matches(PASSENGERS)
    assert found == listed == answers


def test_narrowing_tells_what_is_lost():
    part = read_grant(row_filter="region = 'EU'", columns=frozenset({"region", "mail"}))
    decision = decide(
        ANALYST,
        Action.READ,
        PASSENGERS,
        facts(grants=[part, read_grant(columns=frozenset({"region"}))]),
    )
    narrowed, lost = decision.obligations.narrowed()
    assert ([rule.name for rule in narrowed.columns], narrowed.row_filter, lost) == (
        ["region"],
        None,
        ("mail",),
    )
