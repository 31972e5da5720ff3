"""Where policies hang: a decision meets those that may bear on it, and few others."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.policy.anchors import Board, hang, scope_predicate
from governance.policy.types import Action, Allow, Policy, Principal, Resource, Scope, SubjectMatch

NOW = datetime(2026, 3, 1, tzinfo=UTC)
EVERYBODY = SubjectMatch()
DOMAIN_IDS = {"sales": 1, "sales/eu": 2}


def a_policy(key: int, scope: Scope, subjects: SubjectMatch = EVERYBODY) -> Policy:
    return Policy(key, f"p{key}", 1, scope, Allow(frozenset({Action.DISCOVER})), subjects=subjects)


def a_resource(name: str = "sales.orders", namespace: str = "lake") -> Resource:
    return Resource(
        7, namespace, name, "table", domain_path=(1, 2), tags=frozenset({"gold", "pii.email"})
    )


def met(policies: list[Policy], principal: Principal, resource: Resource) -> set[int]:
    board = Board.of(hang(each, DOMAIN_IDS) for each in policies)
    return {
        entry.policy.id
        for entry in board.hanging(principal, resource)
        if entry.rest.matches(resource)
    }


@pytest.mark.parametrize(
    "scope",
    [
        Scope(names=("sales.*",)),
        Scope(names=("sales.orders",)),
        Scope(names=("*orders",)),
        Scope(names=("ops.*", "sal?s.*")),
        Scope(namespaces=("la*",), names=("*",)),
        Scope(domains=("sales",)),
        Scope(domains=("gone", "sales/eu"), kinds=("table",)),
        Scope(tags=("pii.*",)),
        Scope(tags=("gold",), names=("sales.*",)),
        Scope(kinds=("table",)),
        Scope(),
    ],
)
def test_a_policy_is_met_where_its_scope_holds(scope: Scope) -> None:
    assert met([a_policy(1, scope)], Principal(1, "ada"), a_resource()) == {1}


@pytest.mark.parametrize(
    "scope",
    [
        Scope(names=("sales.orders.*",)),
        Scope(names=("sales.order",)),
        Scope(names=("sales.*",), tags=("silver",)),
        Scope(namespaces=("lake?",)),
        Scope(domains=("gone",)),
        Scope(domains=("sales",), kinds=("topic",)),
        Scope(field_tags=("pii",)),
    ],
)
def test_a_policy_is_not_met_elsewhere(scope: Scope) -> None:
    assert met([a_policy(1, scope)], Principal(1, "ada"), a_resource()) == set()


words = st.text("ab.", max_size=5)
patterns = st.text("ab.*?", min_size=1, max_size=5)


@given(st.lists(patterns, min_size=1, max_size=3), words, words)
def test_patterns_hang_where_whatever_they_match_will_look(globs, name, namespace) -> None:
    resource = a_resource(name, namespace)
    for scope in (Scope(names=tuple(globs)), Scope(namespaces=tuple(globs))):
        expected = {1} if scope_predicate(scope, DOMAIN_IDS).matches(resource) else set()
        assert met([a_policy(1, scope)], Principal(1, "ada"), resource) == expected


def test_a_policy_with_several_anchors_is_met_once() -> None:
    both = SubjectMatch(users=frozenset({"ada"}), groups=frozenset({"ops"}))
    principal = Principal(1, "ada", groups=frozenset({3}), group_names=frozenset({"ops"}))
    board = Board.of(
        [hang(a_policy(1, Scope(tags=("gold", "pii.email")), subjects=both), DOMAIN_IDS)]
    )

    assert len([*board.hanging(principal, a_resource())]) == 1
    assert len([*board.concerning(principal)]) == 1


def test_of_thousands_of_policies_a_decision_meets_those_of_its_dataset() -> None:
    teams = [a_policy(key, Scope(names=(f"team{key:04}.*",))) for key in range(2000)]
    tags = [a_policy(2000 + key, Scope(tags=(f"tag{key}",))) for key in range(2000)]
    others = SubjectMatch(groups=frozenset({"others"}))
    strangers = [a_policy(4000 + key, Scope(), subjects=others) for key in range(2000)]
    board = Board.of(hang(each, DOMAIN_IDS) for each in (*teams, *tags, *strangers))

    found = board.hanging(Principal(1, "ada"), a_resource("team0007.orders"))

    assert [entry.policy.id for entry in found] == [7]
