"""The past by history against the past rebuilt entry by entry, and against what was decided live at the time."""

import os

import pytest

from governance.facts import (
    GRANT_MODELS,
    as_grants,
    grant_rows,
    load_domains,
    load_policies,
    principal_of,
)
from governance.history.access import who_could
from governance.history.facts import load_past, principals_at
from governance.history.rows import as_of
from governance.policy.types import Action, Facts
from governance.queries import decide_on
from identity.models import User
from tests.governance.history.changing import ChangingWorld
from tests.governance.history.replay import Replay

pytestmark = pytest.mark.django_db

# `make history-questions` asks 10,000.
QUESTIONS = int(os.environ.get("LAKEWARDEN_HISTORY_QUESTIONS", "400"))
STEPS = 40
QUESTIONS_A_WORLD = 400
ACTIONS = (Action.DISCOVER, Action.VIEW_METADATA, Action.READ, Action.MANAGE, Action.APPROVE)
PURPOSES = (None, "billing")


def told(decision):
    """What must agree: all but the order in which reasons and alternatives are told."""
    obligations = decision.obligations
    rows = obligations and obligations.row_filter and sorted(obligations.row_filter.split(" OR "))
    return (
        decision.effect,
        {(each.kind, each.id, each.version, each.text) for each in decision.reasons},
        rows and [each.strip("()") for each in rows],
        obligations
        and [(each.name, each.field_id, each.type, each.mask) for each in obligations.columns],
        obligations
        and [
            each.visible_when
            and sorted(part.strip("()") for part in each.visible_when.split(" OR "))
            for each in obligations.columns
        ],
    )


def live(user, dataset, action, *, now):
    """What the kernel says now, with nothing kept from before."""
    principal = principal_of(user)
    grants = tuple(
        grant for model in GRANT_MODELS for grant in as_grants(grant_rows(model), now=now)
    )
    facts = Facts(now=now, grants=grants, policies=tuple(load_policies()), domains=load_domains())
    return decide_on(principal, action, dataset, facts=facts)


def principal_then(user, at, purpose=None):
    return principals_at(list(as_of(User, at).filter(pgh_obj=user.pk)), at, purpose=purpose)[0]


@pytest.mark.parametrize("seed", range(max(1, QUESTIONS // QUESTIONS_A_WORLD)))
def test_a_rebuild_agrees_on_random_questions(seed):
    world = ChangingWorld(seed)
    for _ in range(STEPS):
        world.step()
    replay, asked, allowed, differing = Replay(), 0, 0, 0
    while asked < QUESTIONS_A_WORLD:
        at, dataset = world.any_time(), world.random.choice(world.datasets)
        past, state = load_past(dataset.pk, at), replay.at(at)
        for user in world.users:
            action = world.random.choice(ACTIONS)
            purpose = world.random.choice(PURPOSES)
            answer = past.decide(principal_then(user, at, purpose), action)
            for hindsight, found in ((False, answer.then), (True, answer.hindsight)):
                expected = replay.decide(
                    state, user.pk, dataset.pk, action, hindsight=hindsight, purpose=purpose
                )
                assert told(found) == told(expected), (seed, at, user.pk, dataset.pk, action)
                asked += 1
                allowed += expected.allowed
            differing += answer.differs
    assert asked // 10 < allowed < asked * 9 // 10
    assert differing > 0


def test_the_past_is_what_was_decided_then():
    world = ChangingWorld(1001)
    decided = []
    for _ in range(STEPS):
        world.step()
        user, dataset = world.random.choice(world.users), world.random.choice(world.datasets)
        action = world.random.choice([Action.READ, Action.READ, *ACTIONS])
        user.refresh_from_db()
        dataset.refresh_from_db()
        answer = live(user, dataset, action, now=world.now)
        decided.append((world.now, user, dataset, action, told(answer)))
    for at, user, dataset, action, expected in decided:
        answer = load_past(dataset.pk, at).decide(principal_then(user, at), action)
        assert told(answer.then) == expected, at
    assert len({row[4][0] for row in decided}) == 2


def test_all_who_could_are_found():
    world = ChangingWorld(2002)
    for _ in range(STEPS):
        world.step()
    for _ in range(20):
        at, dataset = world.any_time(), world.random.choice(world.datasets)
        action = world.random.choice(ACTIONS)
        past = load_past(dataset.pk, at)
        expected = []
        for user in sorted(world.users, key=lambda user: user.pk):
            answer = past.decide(principal_then(user, at), action)
            if answer.then.allowed or answer.hindsight.allowed:
                expected.append((user.pk, answer))
        found, after = [], 0
        while after is not None:
            page = who_could(past, action, after=after, limit=2)
            found += [(each.user, each.answer) for each in page.items]
            after = page.after
        assert found == expected
