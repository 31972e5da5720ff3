"""Who may act and what follows, against a slow and obvious reference over random situations."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from governance.approval.plan import Plan, Stage
from governance.approval.progress import (
    Capacity,
    Deputy,
    Outcome,
    Situation,
    Vote,
    capacities,
    in_charge,
    is_complete,
    open_stages,
    outcome,
)
from governance.approval.rules import Kind

PEOPLE = range(6)
START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
KINDS = ["owner", "steward", "group:g", "approver"]
LINE = {"owner": ["steward", "approver"], "steward": ["approver"], "group:g": ["approver"]}
people = st.frozensets(st.sampled_from(PEOPLE))


@st.composite
def plans(draw):
    stages = []
    for number in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(Kind))
        before = number - 1 if number and draw(st.booleans()) else None
        stages.append(
            Stage(
                number=number,
                rule="r",
                kind=kind,
                group="g" if kind is Kind.GROUP else "",
                needed=draw(st.integers(1, 2)),
                after=before,
                passed=draw(st.sampled_from([False, False, True])),
                escalate_hours=draw(st.sampled_from([None, 2])),
            )
        )
    rivals = draw(st.sampled_from([frozenset(), frozenset({"red"})]))
    return Plan(stages=tuple(stages), different_people=draw(st.booleans()), rivals=rivals)


@st.composite
def situations(draw):
    deputies = draw(
        st.lists(
            st.tuples(st.sampled_from(PEOPLE), st.none() | st.sampled_from(PEOPLE)).filter(
                lambda pair: pair[0] != pair[1]
            ),
            max_size=3,
        )
    )
    return Situation(
        requester=draw(st.sampled_from(PEOPLE)),
        asked_at=START,
        now=START + draw(st.integers(0, 6)) * HOUR,
        holders={kind: draw(people) for kind in KINDS},
        approvers=draw(people),
        groups={each: draw(st.sampled_from([frozenset(), frozenset({"red"})])) for each in PEOPLE},
        deputies=[Deputy(*pair) for pair in deputies],
    )


def close(situation, person):
    """Whether the person is too close to the requester."""
    requester = situation.requester
    return person == requester or any(
        (deputy.person, deputy.delegate) in ((person, requester), (requester, person))
        for deputy in situation.deputies
    )


def rival(plan, situation, person):
    return any(
        name in situation.groups[person] and name in situation.groups[situation.requester]
        for name in plan.rivals
    )


def there(situation, person):
    """Whether the person, or somebody who stands in, can act."""
    own = [each.delegate for each in situation.deputies if each.person == person]
    acting = [each for each in own if each is not None]
    if None not in own:
        acting.append(person)
    return any(each != situation.requester for each in acting)


def agreed(votes, number):
    return {vote.in_name_of for vote in votes if vote.stage == number and vote.agrees}


def done(stage, votes):
    return stage.passed or len(agreed(votes, stage.number)) >= stage.needed


def since(plan, stage, votes):
    """When the stage opened, None while it has not."""
    moment, before = START, stage.after
    while before is not None:
        former = plan.stages[before]
        if not done(former, votes):
            return None
        for vote in votes:
            if vote.stage == before and vote.agrees:
                moment = max(moment, vote.at)
        before = former.after
    return moment


def allowed(plan, situation, actor):
    """All that `actor` may do, said as plainly as can be."""
    found = []
    represented = sorted({d.person for d in situation.deputies if d.delegate == actor})
    for stage in plan.stages:
        opened = since(plan, stage, situation.votes)
        if opened is None or done(stage, situation.votes):
            continue
        key = "group:g" if stage.kind is Kind.GROUP else str(stage.kind)
        line = [key, *LINE.get(key, [])]
        reach = 1
        if stage.escalate_hours and situation.now >= opened + 2 * HOUR and len(line) > 1:
            reach = 2
        while reach < len(line):
            last = line[reach - 1]
            present = [
                p
                for p in situation.holders[last]
                if p != situation.requester and there(situation, p)
            ]
            if len(present) >= (stage.needed if last == key else 1):
                break
            reach += 1
        for person in [actor, *represented]:
            holds = any(
                person in (situation.approvers if kind == "approver" else situation.holders[kind])
                for kind in line[:reach]
            )
            voters = {
                each
                for vote in situation.votes
                if plan.different_people or vote.stage == stage.number
                for each in (vote.by, vote.in_name_of)
            }
            clean = not any(
                close(situation, each) or rival(plan, situation, each) or each in voters
                for each in (actor, person)
            )
            if holds and clean and actor in situation.approvers:
                found.append(Capacity(stage.number, person))
    return found


@settings(max_examples=150)
@given(plans(), situations(), st.data())
def test_it_agrees_with_the_reference_step_by_step(plan, situation, data):
    votes = []
    for turn in range(6):
        now = Situation(**{**_fields(situation), "votes": tuple(votes)})
        every = [(who, each) for who in PEOPLE for each in capacities(plan, now, actor=who)]
        assert every == [(who, each) for who in PEOPLE for each in allowed(plan, now, who)]
        waiting = [stage.number for stage, _ in open_stages(plan, votes, asked_at=START)]
        assert waiting == [
            stage.number
            for stage in plan.stages
            if since(plan, stage, votes) is not None and not done(stage, votes)
        ]
        assert in_charge(plan, now) <= set(PEOPLE) - {situation.requester}
        complete = all(done(stage, votes) for stage in plan.stages)
        assert outcome(plan, votes) is (Outcome.APPROVED if complete else Outcome.WAITING)
        if not every:
            break
        who, chosen = data.draw(st.sampled_from(every))
        at = START + turn * HOUR
        votes.append(Vote(chosen.stage, who, chosen.in_name_of, agrees=True, at=at))
    _no_duty_is_broken(plan, situation, votes)
    if votes:
        refused = [*votes, Vote(votes[-1].stage, 5, 5, agrees=False, at=START)]
        assert outcome(plan, refused) is Outcome.DENIED


def _fields(situation):
    return {name: getattr(situation, name) for name in situation.__dataclass_fields__}


def _no_duty_is_broken(plan, situation, votes):
    """Whatever way it went: not the requester, not their deputy, nobody twice, and no stage before its turn."""
    seen = set()
    for place, vote in enumerate(votes):
        assert situation.requester not in (vote.by, vote.in_name_of)
        assert vote.by in situation.approvers
        assert not close(situation, vote.by)
        stage = plan.stages[vote.stage]
        assert stage.after is None or is_complete(plan.stages[stage.after], votes[:place])
        scope = 0 if plan.different_people else vote.stage
        for person in {vote.by, vote.in_name_of}:
            assert (scope, person) not in seen
            seen.add((scope, person))
