"""What would have to change for a denial to become an allowance: the smallest set of changes.

The vocabulary is closed, and each change is something that somebody can do for this principal and this dataset: activate
the account, use a token that reaches further, exempt the principal from one policy, or give the right that is missing.
A denial cannot be outweighed, so each one must go by itself, and one right is enough: no smaller set would do. To
declare another purpose is none of them: it is for the caller to say what they are about.
"""

from dataclasses import dataclass, replace
from typing import Literal

from governance.policy.decide import decide
from governance.policy.types import (
    Action,
    Allow,
    Decision,
    EntityId,
    Facts,
    Grant,
    Policy,
    Principal,
    Reason,
    Resource,
    Subject,
    Target,
)


@dataclass(frozen=True, slots=True)
class Change:
    """One change. `id` and `version` are those of a policy that would have to exempt the principal."""

    kind: Literal["account", "token", "policy", "grant", "role", "allowance"]
    text: str
    id: EntityId | None = None
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """Everything that a decision depends on."""

    principal: Principal
    action: Action
    resource: Resource
    facts: Facts

    def decide(self) -> Decision:
        return decide(self.principal, self.action, self.resource, self.facts)


def counterfactual(
    principal: Principal, action: Action, resource: Resource, facts: Facts
) -> tuple[Change, ...]:
    """The fewest changes after which `decide` allows; empty where it allows already. Pure, as `decide` is."""
    question = Question(principal, action, resource, _bearing(principal, action, resource, facts))
    changes: list[Change] = []
    while not (decision := question.decide()).allowed:
        found = _obstacles(question, decision)
        for change in found:
            question = changed(question, change)
        changes += found
    return tuple(changes)


def changed(question: Question, change: Change) -> Question:
    """The question as it would be after `change`."""
    principal, facts, action = question.principal, question.facts, question.action
    match change.kind:
        case "account":
            return replace(question, principal=replace(principal, is_active=True))
        case "token":
            return replace(question, principal=replace(principal, actions=None))
        case "policy":
            others = tuple(each for each in facts.policies if each.id != change.id)
            return replace(question, facts=replace(facts, policies=others))
        case "grant":
            grant = Grant(
                "proposed",
                Subject("user", principal.id),
                Target("dataset", question.resource.id),
                action,
            )
            return replace(question, facts=replace(facts, grants=(*facts.grants, grant)))
        case "role":
            owners = question.resource.owners | {Subject("user", principal.id)}
            return replace(question, resource=replace(question.resource, owners=owners))
        case "allowance":
            allow = Policy("proposed", "proposed", 1, effect=Allow(frozenset({action})))
            return replace(question, facts=replace(facts, policies=(*facts.policies, allow)))


def _bearing(principal: Principal, action: Action, resource: Resource, facts: Facts) -> Facts:
    """The facts without those that do not bear on the question, since each change arranges them anew."""
    applying = facts.index.applying(principal, action, resource)
    return replace(
        facts,
        grants=tuple(facts.index.grants_on(principal, resource)),
        policies=(*facts.index.broken, *applying),
    )


def _obstacles(question: Question, decision: Decision) -> list[Change]:
    """What the reasons of a denial say must change."""
    if any(each.kind in ("missing", "grant") for each in decision.reasons):
        # nothing gives the right, or nothing of what does fits the dataset
        return [_right(question.action)]
    return [_lifted(question, each) for each in decision.reasons]


def _lifted(question: Question, reason: Reason) -> Change:
    if reason.kind == "account":
        return Change("account", "activate the account")
    if reason.kind == "token":
        return Change("token", f"use a token that reaches as far as `{question.action}`")
    policy = next(each for each in question.facts.policies if each.id == reason.id)
    how = "exempt the principal from" if policy.error is None else "repair or retire"
    return Change("policy", f"{how} policy `{policy.name}`", policy.id, policy.version)


def _right(action: Action) -> Change:
    if action is Action.ADMINISTER:
        return Change("role", "make the principal an owner of the dataset")
    if action is Action.TRACE:
        return Change("allowance", "publish a policy that allows `trace`")
    return Change("grant", f"grant `{action}` on the dataset")
