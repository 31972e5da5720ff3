"""The change that would allow, held to the oracle: making it flips the answer, and no smaller one does."""

import itertools
from datetime import UTC, datetime

from hypothesis import event, given, settings
from hypothesis import strategies as st

from governance.policy.counterfactual import counterfactual
from governance.policy.types import (
    Action,
    Deny,
    Facts,
    FilterRows,
    Policy,
    Principal,
    Resource,
    Scope,
)
from tests.governance.policy import oracle, worlds

NOW = datetime(2026, 3, 1, tzinfo=UTC)
RIGHTS = {"administer": "role", "trace": "allowance"}
ALLOW_ALL = {
    "scope": {},
    "subjects": {"users": [], "groups": [], "attributes": {}, "purpose": []},
    "exempt": None,
    "purpose": [],
    "valid_from": None,
    "valid_until": None,
}


def vocabulary(world, action):
    """Every change that there is, as (kind, id)."""
    lifted = [("policy", place) for place in range(len(world["policies"]))]
    return [("account", None), ("token", None), *lifted, (RIGHTS.get(action, "grant"), None)]


def after(world, who, action, dataset, changes):
    """The plain world once `changes` are made."""
    kinds = {kind for kind, _ in changes}
    lifted = {key for kind, key in changes if kind == "policy"}
    policies = [each for place, each in enumerate(world["policies"]) if place not in lifted]
    grants = list(world["grants"])
    if "account" in kinds:
        who = {**who, "is_active": True}
    if "token" in kinds:
        who = {**who, "token": None}
    if "role" in kinds:
        dataset = {**dataset, "owners": [*dataset["owners"], ("user", who["id"])]}
    if "allowance" in kinds:
        policies.append({**ALLOW_ALL, "effect": ("allow", [action])})
    if "grant" in kinds:
        whole = {"filter": None, "columns": None, "purpose": None, "expires_at": None}
        target = ("dataset", dataset["id"])
        grants.append({**whole, "subject": ("user", who["id"]), "target": target, "action": action})
    return {**world, "policies": policies, "grants": grants}, who, action, dataset


@settings(max_examples=120, deadline=None)
@given(worlds.cases, st.sampled_from(oracle.ACTIONS))
def test_the_change_allows_and_no_smaller_one_does(case, action):
    world, who = case
    facts, principal = worlds.as_facts(world), worlds.as_principal(who)
    for dataset in world["datasets"]:
        resource = worlds.as_resource(world, dataset)
        changes = [
            (each.kind, each.id)
            for each in counterfactual(principal, Action(action), resource, facts)
        ]
        event(f"{len(changes)} changes")
        assert oracle.allowed(*after(world, who, action, dataset, changes))
        smaller = itertools.chain.from_iterable(
            itertools.combinations(vocabulary(world, action), size) for size in range(len(changes))
        )
        assert not any(
            oracle.allowed(*after(world, who, action, dataset, each)) for each in smaller
        )


def test_each_change_is_named():
    scope = Scope(names=("*",))
    policies = (
        Policy("p1", "freeze", 2, scope, Deny(frozenset({Action.READ}))),
        Policy("p2", "by-region", 4, scope, FilterRows("region = principal.region")),
    )
    who = Principal(1, "ann", is_active=False, actions=frozenset({Action.WRITE}))
    facts = Facts(now=NOW, policies=policies)
    found = counterfactual(who, Action.READ, Resource(9, "lake", "t", "table"), facts)
    assert [(each.kind, each.text, each.id, each.version) for each in found] == [
        ("account", "activate the account", None, None),
        ("token", "use a token that reaches as far as `read`", None, None),
        ("policy", "exempt the principal from policy `freeze`", "p1", 2),
        ("grant", "grant `read` on the dataset", None, None),
        ("policy", "exempt the principal from policy `by-region`", "p2", 4),
    ]


def test_an_unreadable_policy_is_to_be_repaired():
    broken = Policy("p1", "torn", 1, error="not YAML")
    facts = Facts(now=NOW, policies=(broken,))
    owner = Principal(1, "ann", is_superuser=True)
    found = counterfactual(owner, Action.DISCOVER, Resource(9, "lake", "t", "table"), facts)
    assert [each.text for each in found] == ["repair or retire policy `torn`"]
