"""Hold beats retention beats tiering; rules read strictly; identifiers found in every form and kept sealed."""

import hashlib
import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidInputError
from governance.policy.errors import PolicyDocumentError
from governance.retention.identifiers import (
    Identifier,
    forms_of,
    parse_identifiers,
    seal_identifiers,
    unseal_identifiers,
)
from governance.retention.precedence import (
    Act,
    Cause,
    Term,
    What,
    choose_act,
    decide_deletion,
)
from governance.retention.rules import parse_retention_rule

DAYS = st.integers(min_value=1, max_value=400).map(lambda days: timedelta(days=days))
TERMS = st.lists(
    st.builds(
        Term,
        rule=st.sampled_from("abc"),
        keep_for=st.none() | DAYS,
        what=st.just(What.ROWS),
        delete_after=st.none() | DAYS,
    ),
    max_size=4,
)
HOLDS = st.lists(st.just("legal hold"), max_size=2)


def slow_act(holds, terms, age, tier):
    """As the rule is spoken: hold, then who keeps, then who deletes, then tiering."""
    if holds:
        return Act.KEEP
    keeps = [term for term in terms if term.keep_for is not None and age < term.keep_for]
    deletes = [term for term in terms if term.delete_after is not None and age >= term.delete_after]
    if deletes and not keeps:
        return Act.DELETE
    return Act.MOVE if tier else Act.KEEP


@given(holds=HOLDS, terms=TERMS, age=DAYS, tier=st.booleans())
def test_hold_beats_retention_beats_tiering(holds, terms, age, tier):
    assert choose_act(holds=holds, terms=terms, age=age, tier_wants_it=tier) == slow_act(
        holds, terms, age, tier
    )


@given(holds=HOLDS, terms=TERMS, age=st.none() | DAYS, cause=st.sampled_from(Cause))
def test_a_hold_stands_against_every_cause_and_a_rule_that_keeps_against_erasure(
    holds, terms, age, cause
):
    verdict = decide_deletion(cause, holds=holds, terms=terms, age=age)
    keeps = any(
        term.keep_for is not None and (age is None or age < term.keep_for) for term in terms
    )
    asks = cause in {Cause.ERASURE, Cause.RETENTION}
    expected = "hold" if holds else "retention" if keeps and asks else ""
    assert (verdict.allowed, verdict.beaten_by) == (not expected, expected)


def rule(**more):
    return {"name": "logs", "applies_to": {"domain": ["ops"]}, **more}


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        (rule(), ""),
        (rule(keep_days=0), "/keep_days"),
        (rule(delete={"what": "rows", "after_days": 9}), "/delete/column"),
        (rule(delete={"what": "objects", "column": "day", "after_days": 9}), "/delete/column"),
        (rule(delete={"what": "objects"}), "/delete"),
        (rule(delete={"what": "all", "after_days": 9}), "/delete/what"),
        (rule(keep_days=10, delete={"what": "objects", "after_days": 9}), "/delete/after_days"),
        ({"name": "logs", "keep_days": 9}, ""),
    ],
)
def test_a_rule_that_says_less_or_other_is_refused_with_the_place(document, pointer):
    with pytest.raises(PolicyDocumentError) as refused:
        parse_retention_rule(document)
    assert refused.value.data.get("pointer", "") == pointer


def test_a_rule_is_read():
    found = parse_retention_rule(
        rule(keep_days=30, delete={"what": "rows", "column": "day", "after_days": 90})
    )
    assert found.term == Term(
        rule="logs",
        keep_for=timedelta(days=30),
        what=What.ROWS,
        column="day",
        delete_after=timedelta(days=90),
    )


def test_forms_are_the_value_its_digests_and_its_place_in_a_path():
    forms = forms_of([Identifier(value=" Ada@Example.org ", label="pii.email")])
    digest = hashlib.sha256(b"ada@example.org").hexdigest()
    assert {
        "ada@example.org",
        digest,
        hashlib.sha512(b"Ada@Example.org").hexdigest(),
    } <= forms.whole
    assert forms.are_in("data/email=ADA%40example.org/f.parquet")
    assert not forms.are_in("data/email=adam%40example.org/f.parquet")


def test_short_values_are_compared_whole_only():
    forms = forms_of([Identifier(value="17", column="a:b#c")])
    assert "17" in forms.whole
    assert not forms.are_in("data/month=17/f.parquet")


def test_identifiers_are_sealed_and_come_back():
    given = parse_identifiers([{"label": "pii.email", "value": "ada@example.org"}])
    sealed = seal_identifiers(given, use="erasure")
    assert b"ada" not in sealed
    assert unseal_identifiers(sealed, use="erasure") == given
    with pytest.raises(InvalidInputError):
        unseal_identifiers(sealed, use="legal-hold")


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        "ada@example.org",
        [{"value": "ada@example.org"}],
        [{"value": "ada@example.org", "label": "a", "column": "b:c#d"}],
        [{"value": "ada@example.org", "column": "no-place"}],
        [{"value": "", "label": "pii.email"}],
        [{"value": "ada@example.org", "label": "pii.email", "more": 1}],
    ],
)
def test_what_is_no_identifier_is_refused_without_quoting_it(wrong):
    with pytest.raises(InvalidInputError) as refused:
        parse_identifiers(wrong)
    assert "ada" not in json.dumps([refused.value.message, refused.value.data])
