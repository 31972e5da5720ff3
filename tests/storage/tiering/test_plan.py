"""The planner: each condition by example, and the whole against a slow reading of the same sentences."""

import re
from datetime import UTC, datetime, timedelta
from fnmatch import translate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.tiering.plan import (
    Condition,
    PlacedFile,
    Rule,
    TierConditionError,
    describe,
    fits,
    plan_moves,
    read_condition,
)

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def placed(**kwargs) -> PlacedFile:
    defaults = {"id": 1, "uri": "s3://b/k", "size": 1, "tier": "hot", "added_at": NOW}
    return PlacedFile(**{**defaults, **kwargs})


@pytest.mark.parametrize(
    ("tests", "value", "expected"),
    [
        ({"lt": 7}, 6, True),
        ({"lt": 7}, 7, False),
        ({"lte": 7}, 7, True),
        ({"gt": 7}, 7, False),
        ({"gte": 7.0}, 7, True),
        ({"eq": "EWR"}, "EWR", True),
        ({"ne": "EWR"}, "JFK", True),
        ({"ne": "EWR"}, None, False),
        ({"in": ["EWR", "JFK"]}, "JFK", True),
        ({"in": []}, "JFK", False),
        ({"lt": "2013-06-01"}, "2013-05-31", True),
        ({"gte": 3, "lt": 6}, 6, False),
        ({"lt": 7}, "6", False),
        ({"eq": 1}, True, False),
        ({"lt": 7}, None, False),
    ],
)
def test_a_partition_test(tests, value, expected):
    condition = read_condition({"partition": {"month": tests}})
    assert fits(placed(partition={"month": value}), condition, now=NOW) is expected


def test_a_file_without_the_column_stays():
    condition = read_condition({"partition": {"month": {"lt": 7}}})
    assert fits(placed(partition={"day": 1}), condition, now=NOW) is False


@pytest.mark.parametrize(
    ("added_days", "read_days", "expected"),
    [(10, None, True), (9, None, False), (40, 10, True), (40, 9, False), (40, 41, True)],
)
def test_idle_counts_from_the_last_read_or_the_arrival(added_days, read_days, expected):
    file = placed(
        added_at=NOW - timedelta(days=added_days),
        last_read_at=None if read_days is None else NOW - timedelta(days=read_days),
    )
    assert fits(file, read_condition({"idle_days": 10}), now=NOW) is expected


def test_keys_are_globs_over_the_whole_key():
    condition = read_condition({"keys": ["*.png", "old/*"]})
    keys = ["a/b.png", "old/x/y", "a/old/x", "b.PNG"]
    assert [fits(placed(key=key), condition, now=NOW) for key in keys] == [True, True, False, False]
    assert fits(placed(), condition, now=NOW) is False


def test_the_first_rule_that_fits_decides():
    rules = [
        Rule(id=1, condition=read_condition({"keys": ["keep/*"]}), target="hot"),
        Rule(id=2, condition=Condition(), target="cold"),
    ]
    files = [placed(id=1, key="keep/a"), placed(id=2, key="b"), placed(id=3, key="c", tier="cold")]
    moves = plan_moves(files, rules, now=NOW)
    assert [(move.file.id, move.target, move.rule_id, move.reason) for move in moves] == [
        (2, "cold", 2, "policy 2: everything")
    ]


@pytest.mark.parametrize(
    ("raw", "pointer"),
    [
        ([], ""),
        ({"partitions": {}}, "/partitions"),
        ({"partition": []}, "/partition"),
        ({"partition": {"a": {}}}, "/partition/a"),
        ({"partition": {"a": {"like": 1}}}, "/partition/a/like"),
        ({"partition": {"a": {"in": 1}}}, "/partition/a/in"),
        ({"partition": {"a": {"lt": None}}}, "/partition/a/lt"),
        ({"idle_days": -1}, "/idle_days"),
        ({"idle_days": "3"}, "/idle_days"),
        ({"age_days": True}, "/age_days"),
        ({"keys": []}, "/keys"),
        ({"keys": [1]}, "/keys"),
    ],
)
def test_a_wrong_condition_says_where(raw, pointer):
    with pytest.raises(TierConditionError) as caught:
        read_condition(raw)
    assert caught.value.data["pointer"] == pointer


def test_a_condition_in_words():
    raw = {"partition": {"month": {"lt": 7}}, "idle_days": 3, "age_days": 1.5, "keys": ["*.png"]}
    assert describe(read_condition(raw)) == (
        "month lt 7 and not read for 3 days and older than 1.5 days and key like *.png"
    )


values = st.one_of(st.integers(0, 3), st.sampled_from(["a", "b"]), st.booleans(), st.none())
scalars = st.one_of(st.integers(0, 3), st.sampled_from(["a", "b"]), st.booleans())
operators = st.sampled_from(["eq", "ne", "lt", "lte", "gt", "gte"])
tests = st.one_of(
    st.dictionaries(operators, scalars, min_size=1, max_size=2),
    st.fixed_dictionaries({"in": st.lists(scalars, max_size=3)}),
)
conditions = st.fixed_dictionaries(
    {},
    optional={
        "partition": st.dictionaries(st.sampled_from(["m", "n"]), tests, max_size=2),
        "idle_days": st.integers(0, 4),
        "age_days": st.integers(0, 4),
        "keys": st.lists(st.sampled_from(["*", "a*", "?", "b/*"]), min_size=1, max_size=2),
    },
)
ago = st.integers(0, 5).map(lambda days: NOW - timedelta(days=days))
files = st.builds(
    placed,
    id=st.integers(0, 99),
    tier=st.sampled_from(["hot", "cold"]),
    added_at=ago,
    last_read_at=st.one_of(st.none(), ago),
    partition=st.dictionaries(st.sampled_from(["m", "n"]), values, max_size=2),
    key=st.one_of(st.none(), st.sampled_from(["a", "ab", "b/c"])),
)


def reference_fits(file: PlacedFile, raw: dict) -> bool:
    """The condition, read sentence by sentence."""
    answers = []
    for column, column_tests in raw.get("partition", {}).items():
        for operator, wanted in column_tests.items():
            found = file.partition.get(column)
            pairs = [(found, each) for each in wanted] if operator == "in" else [(found, wanted)]
            answers.append(any(reference_compare(a, operator, b) for a, b in pairs))
    if "age_days" in raw:
        answers.append((NOW - file.added_at).days >= raw["age_days"])
    if "idle_days" in raw:
        touches = [each for each in (file.added_at, file.last_read_at) if each]
        answers.append(all((NOW - touch).days >= raw["idle_days"] for touch in touches))
    if "keys" in raw:
        answers.append(
            any(file.key is not None and re.match(translate(g), file.key) for g in raw["keys"])
        )
    return all(answers)


def reference_compare(found, operator: str, wanted) -> bool:
    if type(found) is not type(wanted):
        return False
    return {
        "eq": lambda: found == wanted,
        "in": lambda: found == wanted,
        "ne": lambda: found != wanted,
        "lt": lambda: found < wanted,
        "lte": lambda: found <= wanted,
        "gt": lambda: found > wanted,
        "gte": lambda: found >= wanted,
    }[operator]()


@given(
    st.lists(files, max_size=6), st.lists(st.tuples(conditions, st.sampled_from(["hot", "cold"])))
)
def test_the_planner_is_its_sentences(placed_files, raw_rules):
    rules = [
        Rule(id=number, condition=read_condition(raw), target=target)
        for number, (raw, target) in enumerate(raw_rules)
    ]
    expected = []
    for file in placed_files:
        for number, (raw, target) in enumerate(raw_rules):
            if reference_fits(file, raw):
                if target != file.tier:
                    expected.append((file, target, number))
                break
    moves = plan_moves(placed_files, rules, now=NOW)
    assert [(move.file, move.target, move.rule_id) for move in moves] == expected
