"""The stages of one request: what its rules ask for, fixed when it is made, and kept with it as JSON."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from governance.approval.rules import AutomaticWhen, Kind, Rule, StageRule


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One agreement that is needed. `after` is the number of the stage that must be complete before; None: none.

    `passed` says that its automatic condition held. Times are in hours, None for never.
    """

    number: int
    rule: str
    kind: Kind
    group: str = ""
    needed: int = 1
    after: int | None = None
    passed: bool = False
    remind_hours: int | None = None
    escalate_hours: int | None = None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """`different_people`: nobody decides two stages. `rivals`: members of one of these groups never decide for each other."""

    stages: tuple[Stage, ...]
    different_people: bool = True
    rivals: frozenset[str] = frozenset()

    @property
    def is_automatic(self) -> bool:
        """Whether nobody need be asked."""
        return all(stage.passed for stage in self.stages)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the automatic conditions look at. `domains`: slugs and paths of the dataset's domain and those above it."""

    duration: timedelta
    tags: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()
    own_domains: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    may_approve: bool = False
    sees_columns: bool = True


def make_plan(rules: Iterable[Rule], asked: Asked, *, is_certain: bool = True) -> Plan:
    """Every rule that applies must be satisfied; without any, one whom the kernel lets approve decides.

    Where it is not certain which rules apply, no stage passes by itself.
    """
    ordered = sorted(rules, key=lambda rule: rule.name) or [DEFAULT]
    stages: list[Stage] = []
    for rule in ordered:
        before: int | None = None
        for wanted in rule.stages:
            passed = is_certain and wanted.automatic is not None and holds(wanted.automatic, asked)
            stages.append(_stage(len(stages), rule, wanted, after=before, passed=passed))
            before = len(stages) - 1 if rule.in_order else None
    return Plan(
        stages=tuple(stages),
        different_people=any(rule.different_people for rule in ordered),
        rivals=frozenset().union(*(rule.rivals for rule in ordered)),
    )


def holds(condition: AutomaticWhen, asked: Asked) -> bool:
    """Whether a stage passes by itself.

    INVARIANT: never for those who could approve, or they would decide for themselves; nor for those who do not see what
    they ask for, since what fits would tell them.
    """
    if asked.may_approve or not asked.sees_columns:
        return False
    return (
        condition.tags <= asked.tags
        and (not condition.unlabelled or not asked.labels)
        and (not condition.same_domain or not asked.domains.isdisjoint(asked.own_domains))
        and (
            condition.at_most_days is None
            or asked.duration <= timedelta(days=condition.at_most_days)
        )
        and (not condition.groups or not condition.groups.isdisjoint(asked.groups))
    )


def to_json(plan: Plan) -> dict[str, Any]:
    """The plan as it is stored."""
    return {**asdict(plan), "rivals": sorted(plan.rivals)}


def from_json(stored: Mapping[str, Any]) -> Plan:
    """The plan as it was stored; an empty one, of a request older than plans, is the default."""
    if not stored:
        return make_plan([], Asked(duration=timedelta(0)))
    stages = tuple(Stage(**{**each, "kind": Kind(each["kind"])}) for each in stored["stages"])
    return Plan(
        stages=stages,
        different_people=stored["different_people"],
        rivals=frozenset(stored["rivals"]),
    )


def _stage(number: int, rule: Rule, wanted: StageRule, *, after: int | None, passed: bool) -> Stage:
    return Stage(
        number=number,
        rule=rule.name,
        kind=wanted.kind,
        group=wanted.group,
        needed=wanted.needed,
        after=after,
        passed=passed,
        remind_hours=wanted.remind_hours,
        escalate_hours=wanted.escalate_hours,
    )


DEFAULT = Rule(name="", stages=(StageRule(kind=Kind.APPROVER, remind_hours=72),))
