"""What may a principal see, as a set of ids: exactly `governance.queries.visible_datasets`, kept and brought up to date."""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime

import orjson
from django.db import connection

from core.clock import utc_now
from governance.effective.evaluate import FieldsDecideError, evaluate
from governance.effective.ids import FrozenIds, Ids, ids_of
from governance.effective.store import CHANGES, STORE, Result, Session, read_shared_facts
from governance.policy.restrict import bounds
from governance.policy.types import Action, Facts, Principal


def visible_ids(
    principal: Principal, action: Action = Action.DISCOVER, *, facts: Facts | None = None
) -> FrozenIds:
    """The ids of the live datasets to which the principal may do `action`, as of a moment within this call.

    INVARIANT: equal to the primary keys of `visible_datasets(principal, action=action)`. Kept from call to call, but
    never beyond a committed change of a fact it hangs on, nor beyond the time of a grant or policy. With `facts`
    (as of another time, or supposed), and inside a transaction, which may have changed facts itself, nothing kept is used.
    """
    if facts is not None or not may_use_kept():
        return _from_database(principal, action, facts)
    return STORE.ask(lambda session: visible_in(session, principal, action, now=utc_now()))


def decided_ids(principal: Principal, *actions: Action) -> tuple[FrozenIds, ...] | None:
    """`visible_ids` of each action, all as of one moment, where keeping them pays.

    None where fields decide (their labels, or a rectangle's columns), which is asked of the database each time, and
    inside a transaction: who asks about a few datasets is then served better by `visible_datasets`.
    """

    def decided(session: Session) -> tuple[FrozenIds, ...] | None:
        session.asks_fields = False
        now = utc_now()
        try:
            return tuple(visible_in(session, principal, action, now=now) for action in actions)
        except FieldsDecideError:
            return None

    return STORE.ask(decided) if may_use_kept() else None


def shared_facts() -> Facts:
    """The published policies and the domain tree as of now, without grants; kept until one of them changes."""
    return STORE.ask(lambda session: session.facts) if may_use_kept() else read_shared_facts()


def may_use_kept() -> bool:
    """Whether this connection sees what is committed and no more."""
    connection.ensure_connection()
    return not connection.in_atomic_block and connection.get_autocommit()


def visible_in(
    session: Session, principal: Principal, action: Action, *, now: datetime
) -> FrozenIds:
    """The same within a question to the store."""
    key = (_key_of(principal), action)
    kept = session.store.results
    found = kept.get(key)
    if found is not None and (found.until is None or now < found.until):
        kept.move_to_end(key)
        return found.ids
    inner = Session(session.store, session._cursor)  # noqa: SLF001  # the same package: an answer has its own tokens
    inner.asks_fields = session.asks_fields
    answer = _compute(inner, principal, action, now=now)
    ids = FrozenIds(answer.ids)
    if inner.keeps:
        session.store.keep_result(
            key, Result(ids, answer.until, frozenset({*inner.tokens, CHANGES}))
        )
    return ids


@dataclass(frozen=True, slots=True)
class _Answer:
    ids: Ids
    until: datetime | None


def _compute(session: Session, principal: Principal, action: Action, *, now: datetime) -> _Answer:
    held = [session.grants_of(subject) for subject in principal.subjects]
    shared = session.facts
    facts = shared.with_grants(tuple(each for h in held for each in h.grants(action)), now=now)
    found = bounds(principal, action, facts)
    changes = [
        *(each for policy in facts.policies for each in (policy.valid_from, policy.valid_until)),
        *(grant.expires_at for grant in facts.grants),
    ]
    living = session.living.every
    allowed = evaluate(found.allowed, within=living, session=session, facts=facts)
    if principal.is_active and principal.token_allows(action) and not facts.index.broken:
        for each in held:
            ids, change = each.datasets(principal, action, now=now)
            allowed |= ids
            changes.append(change)
    allowed &= living
    denied = evaluate(found.denied, within=allowed, session=session, facts=facts)
    until = min((each for each in changes if each is not None and each > now), default=None)
    return _Answer(allowed - denied, until)


def _from_database(principal: Principal, action: Action, facts: Facts | None) -> FrozenIds:
    from governance.queries import visible_datasets

    rows = visible_datasets(principal, action=action, facts=facts).order_by()
    return FrozenIds(ids_of(rows.values_list("pk", flat=True)))


def _key_of(principal: Principal) -> Hashable:
    """Everything about a principal that a decision may hang on."""
    return (
        principal.id,
        principal.username,
        principal.groups,
        principal.group_names,
        orjson.dumps(dict(principal.attributes), option=orjson.OPT_SORT_KEYS),
        principal.is_superuser,
        principal.is_active,
        principal.purpose,
        principal.actions,
    )
