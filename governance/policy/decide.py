"""The decision: may this principal do this action to this resource, and under which obligations.

INVARIANTS
- default deny: without a reason to allow, the answer is deny;
- an explicit deny wins over every allowance, those of owners and superusers included;
- denying an action denies every action that implies it (who may not discover may not read);
- what cannot be evaluated denies and names itself; a grant that cannot be evaluated gives nothing.
`restrict` must say the same of every dataset: change the two together.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from governance.policy import roles
from governance.policy.obligations import Rectangle, Refusal, oblige
from governance.policy.types import (
    GIVEN_BY,
    Action,
    Decision,
    Policy,
    Principal,
    Reason,
    Resource,
)

if TYPE_CHECKING:
    from governance.policy.types import Facts


def decide(principal: Principal, action: Action, resource: Resource, facts: "Facts") -> Decision:
    """The one decision behind every path.

    An allowed `read` carries its obligations; every answer carries its reasons. Pure: no I/O, no clock but `facts.now`.
    """
    policies = facts.index.applying(principal, action, resource)
    against = _reasons_against(principal, action, policies, facts)
    if against:
        return _deny(against)
    allowances = [
        *_by_role(principal, action, resource, facts),
        *_by_policy(policies, action),
        *_by_grant(principal, action, resource, facts),
    ]
    if not allowances:
        return _deny([missing(action)])
    if action is not Action.READ:
        return Decision("allow", tuple(rectangle.reason for rectangle in allowances))
    answer = oblige(principal, resource, rectangles=allowances, policies=policies)
    if isinstance(answer, Refusal):
        return _deny(answer.reasons)
    obligations, reasons = answer
    return Decision("allow", reasons, obligations)


def missing(action: Action) -> Reason:
    """The reason of a default deny, and with it the smallest change that would allow."""
    return Reason("missing", f"no grant, role or policy gives `{action}`; a grant of it would")


def _reasons_against(
    principal: Principal, action: Action, policies: list[Policy], facts: "Facts"
) -> list[Reason]:
    """What forbids `action` whatever else allows it."""
    if not principal.is_active:
        return [Reason("account", "the account is not active", principal.id)]
    if not principal.token_allows(action):
        return [Reason("token", f"the token does not reach as far as `{action}`")]
    if facts.index.broken:
        return [_broken(policy) for policy in facts.index.broken]
    return [_denied_by(policy) for policy in policies if policy.denies(action)]


def _by_role(
    principal: Principal, action: Action, resource: Resource, facts: "Facts"
) -> Iterator[Rectangle]:
    for role in _roles_of(principal, resource, facts):
        if action in roles.ROLE_ACTIONS[role]:
            yield Rectangle(Reason("role", f"the principal is {role}"))


def _roles_of(principal: Principal, resource: Resource, facts: "Facts") -> Iterator[str]:
    if principal.is_superuser:
        yield roles.SUPERUSER
    if principal.is_one_of(resource.owners):
        yield roles.DATASET_OWNER
    if principal.is_one_of(resource.stewards):
        yield roles.DATASET_STEWARD
    path = resource.domain_path
    if not facts.index.domains_of(principal, role="owner").isdisjoint(path):
        yield roles.DOMAIN_OWNER
    if not facts.index.domains_of(principal, role="steward").isdisjoint(path):
        yield roles.DOMAIN_STEWARD


def _by_policy(policies: list[Policy], action: Action) -> Iterator[Rectangle]:
    for policy in policies:
        if policy.allows(action):
            text = f"policy `{policy.name}` allows `{action}`"
            yield Rectangle(Reason("policy", text, policy.id, policy.version))


def _by_grant(
    principal: Principal, action: Action, resource: Resource, facts: "Facts"
) -> Iterator[Rectangle]:
    givers = GIVEN_BY[action]
    for grant in facts.index.grants_on(principal, resource):
        if grant.action in givers:
            until = f" until {grant.expires_at.isoformat()}" if grant.expires_at else ""
            text = f"grant of `{grant.action}` on the {grant.target.kind}{until}"
            yield Rectangle(Reason("grant", text, grant.id), grant.row_filter, grant.columns)


def _denied_by(policy: Policy) -> Reason:
    return Reason("policy", f"policy `{policy.name}` denies", policy.id, policy.version)


def _broken(policy: Policy) -> Reason:
    text = f"policy `{policy.name}` cannot be read and denies everything: {policy.error}"
    return Reason("policy", text, policy.id, policy.version)


def _deny(reasons: Iterable[Reason]) -> Decision:
    return Decision("deny", tuple(reasons))
