"""The policy kernel in process: one decision, the obligations of a wide table, the restriction of a list.

10,000 policies and 1,000 groups (`bench/_policy_world.py`). No peer runs here: the limits are those of the issue tracker,
stated with each figure. Times are CPU of this process; each decision asks for another principal and another dataset.
"""

import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from bench._policy_world import PolicyWorld, make_world
from bench.figures import Figure, figure
from governance.policy import decide, restrict
from governance.policy.types import Action


@dataclass(frozen=True)
class Plan:
    """How often: so many rounds, so many decisions in each."""

    rounds: int
    asked: int
    note: str


def run(*, quick: bool) -> list[Figure]:
    """Build the worlds, then ask."""
    policies, groups = (1000, 100) if quick else (10_000, 1000)
    rounds, asked = (3, 2000) if quick else (5, 10_000)
    plan = Plan(rounds, asked, f"{policies} policies, {groups} groups")
    world = make_world(policies=policies, groups=groups)
    wide = make_world(policies=policies, groups=groups, columns=250)
    few = replace(plan, asked=asked // 10)
    actions = [Action.DISCOVER, Action.VIEW_METADATA, Action.READ]
    return [
        *_percentiles("decision", world, actions, plan),
        *_percentiles("obligations of a read, 250 columns", wide, [Action.READ], few),
        _restriction(world, plan),
    ]


def _percentiles(name: str, world: PolicyWorld, actions: list[Action], plan: Plan) -> list[Figure]:
    middles, tails = [], []
    for seed in range(plan.rounds):
        spent = sorted(_ask(world, actions, plan.asked, seed))
        middles.append(spent[len(spent) // 2])
        tails.append(spent[len(spent) * 99 // 100])
    return [
        figure(f"{name}, p50", "µs of CPU", middles, note=plan.note),
        figure(f"{name}, p99", "µs of CPU", tails, note=plan.note),
    ]


def _ask(world: PolicyWorld, actions: list[Action], asked: int, seed: int) -> list[float]:
    dice = random.Random(seed)  # a world, not a secret
    facts = [(each, world.facts_for(each)) for each in world.principals]
    questions = [
        (*dice.choice(facts), dice.choice(actions), dice.choice(world.resources))
        for _ in range(asked)
    ]
    spent = []
    for principal, known, action, resource in questions:
        begun = time.process_time_ns()
        decide(principal, action, resource, known)
        spent.append((time.process_time_ns() - begun) / 1000)
    return spent


def _restriction(world: PolicyWorld, plan: Plan) -> Figure:
    def once(place: int) -> None:
        principal = world.principals[place]
        restrict(principal, Action.DISCOVER, world.facts_for(principal))

    samples = [_timed(once) for _ in range(plan.rounds)]
    return figure("restriction of a list, compiled", "ms of CPU", samples, note=plan.note)


def _timed(once: Callable[[int], None]) -> float:
    """The median of a hundred, in ms."""
    spent = []
    for place in range(100):
        begun = time.process_time_ns()
        once(place)
        spent.append((time.process_time_ns() - begun) / 1e6)
    return statistics.median(spent)
