"""Which files a policy moves. Pure: rules, files and the time in, planned movements out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from core.errors import InvalidInputError

OPERATORS = ("eq", "ne", "lt", "lte", "gt", "gte", "in")
CONDITIONS = ("partition", "idle_days", "age_days", "keys")
MAX_CONDITION_VALUES = 200
MAX_DAYS = 36_500

Scalar = str | int | float | bool


class TierConditionError(InvalidInputError):
    """A tier policy's condition is not in the form that the planner reads; `pointer` says where."""

    code = "tier-condition"


@dataclass(frozen=True, kw_only=True)
class Condition:
    """All that is given must hold; an empty condition holds for everything."""

    partition: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    idle_days: float | None = None
    age_days: float | None = None
    keys: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Files that fit `condition` belong on the tier `target`; `id` names the policy in reasons."""

    id: int
    condition: Condition
    target: str


@dataclass(frozen=True, kw_only=True)
class PlacedFile:
    """A table's data file (with `partition`) or a collection's object (with `key`), and where it is."""

    id: int
    uri: str
    size: int
    tier: str
    added_at: datetime
    last_read_at: datetime | None = None
    reads: int = 0
    partition: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None


@dataclass(frozen=True, kw_only=True)
class PlannedMove:
    file: PlacedFile
    target: str
    rule_id: int
    reason: str


def read_condition(raw: Any) -> Condition:
    """The condition of a policy's JSON; TierConditionError says what is wrong and where."""
    if not isinstance(raw, dict):
        raise TierConditionError("the condition must be an object", pointer="")
    for name in raw:
        if name not in CONDITIONS:
            expected = ", ".join(CONDITIONS)
            raise TierConditionError(f"`{name}` must be one of {expected}", pointer=f"/{name}")
    return Condition(
        partition=_read_partition(raw.get("partition", {})),
        idle_days=_read_days(raw, "idle_days"),
        age_days=_read_days(raw, "age_days"),
        keys=_read_keys(raw.get("keys")),
    )


def plan_moves(
    files: Iterable[PlacedFile], rules: Sequence[Rule], *, now: datetime
) -> tuple[PlannedMove, ...]:
    """The moves that `rules` ask for. The first rule that fits a file decides; a file in place stays."""
    moves = []
    for each in files:
        rule = next((rule for rule in rules if fits(each, rule.condition, now=now)), None)
        if rule is not None and rule.target != each.tier:
            reason = f"policy {rule.id}: {describe(rule.condition)}"
            moves.append(PlannedMove(file=each, target=rule.target, rule_id=rule.id, reason=reason))
    return tuple(moves)


def fits(file: PlacedFile, condition: Condition, *, now: datetime) -> bool:
    """Whether every given part of `condition` holds for `file` at `now`."""
    if condition.keys is not None and (
        file.key is None or not any(fnmatchcase(file.key, glob) for glob in condition.keys)
    ):
        return False
    if condition.age_days is not None and now - file.added_at < _days(condition.age_days):
        return False
    touched = max(file.added_at, file.last_read_at or file.added_at)
    if condition.idle_days is not None and now - touched < _days(condition.idle_days):
        return False
    return all(
        _compare(file.partition.get(column), operator, value)
        for column, tests in condition.partition.items()
        for operator, value in tests.items()
    )


def describe(condition: Condition) -> str:
    """The condition in words, for the journal and the audit log."""
    parts = [
        f"{column} {operator} {value}"
        for column, tests in condition.partition.items()
        for operator, value in tests.items()
    ]
    if condition.idle_days is not None:
        parts.append(f"not read for {condition.idle_days:g} days")
    if condition.age_days is not None:
        parts.append(f"older than {condition.age_days:g} days")
    if condition.keys is not None:
        parts.append(f"key like {' or '.join(condition.keys)}")
    return " and ".join(parts) or "everything"


def _compare(found: Any, operator: str, wanted: Any) -> bool:
    """Whether a partition value passes a test. What cannot be compared does not pass: the file stays."""
    if operator == "in":
        return any(_compare(found, "eq", each) for each in wanted)
    if found is None or _kind(found) != _kind(wanted):
        return False
    if operator in ("eq", "ne"):
        return bool((found == wanted) is (operator == "eq"))
    if operator in ("lt", "lte"):
        return bool(found < wanted or (operator == "lte" and found == wanted))
    return bool(found > wanted or (operator == "gte" and found == wanted))


def _kind(value: Any) -> str:
    # A boolean is an integer in Python, and not in a partition.
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else "text"


def _days(days: float) -> timedelta:
    return timedelta(days=days)


def _read_days(raw: Mapping[str, Any], name: str) -> float | None:
    value = raw.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_DAYS:
        raise TierConditionError(
            f"`{name}` must be a number of days from 0 to {MAX_DAYS}", pointer=f"/{name}"
        )
    return float(value)


def _read_keys(raw: Any) -> tuple[str, ...] | None:
    if raw is None:
        return None
    if (
        not isinstance(raw, list)
        or not 1 <= len(raw) <= MAX_CONDITION_VALUES
        or not all(isinstance(glob, str) for glob in raw)
    ):
        raise TierConditionError("`keys` must be a list of glob patterns", pointer="/keys")
    return tuple(raw)


def _read_partition(raw: Any) -> dict[str, dict[str, Any]]:
    if not isinstance(raw, dict):
        raise TierConditionError("`partition` must be an object", pointer="/partition")
    for column, tests in raw.items():
        pointer = f"/partition/{column}"
        if not isinstance(tests, dict) or not tests:
            raise TierConditionError('a column needs tests, as `{"lt": 7}`', pointer=pointer)
        for operator, value in tests.items():
            _check_test(operator, value, f"{pointer}/{operator}")
    return raw


def _check_test(operator: str, value: Any, pointer: str) -> None:
    if operator not in OPERATORS:
        raise TierConditionError(f"an operator is one of {', '.join(OPERATORS)}", pointer=pointer)
    if operator == "in":
        valid = (
            isinstance(value, list)
            and len(value) <= MAX_CONDITION_VALUES
            and all(isinstance(each, Scalar) for each in value)
        )
    else:
        valid = isinstance(value, Scalar)
    if not valid:
        raise TierConditionError("the value must be text, a number or a boolean", pointer=pointer)
