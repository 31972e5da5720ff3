"""Quality checks: what must hold of a step's rows before they are published. Plain Python, no I/O.

Each check is one aggregate over the written rows, so all checks of a step cost one pass.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from processing.errors import InvalidPipelineError

KINDS = ("not_null", "unique", "range", "row_count", "accepted_values")
MAX_VALUES = 1000


@dataclass(frozen=True, kw_only=True)
class Check:
    """`kind` over `columns`. Bounds are inclusive; NULL breaks `not_null` only."""

    name: str
    kind: str
    columns: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    values: tuple[str | int | float, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "kind": self.kind,
            "columns": list(self.columns),
            "min": self.low,
            "max": self.high,
            "values": list(self.values),
        }

    def expression(self) -> str:
        """Spark SQL that counts the rows that break the check; for `row_count`, all rows."""
        quoted = [quote(name) for name in self.columns]
        if self.kind == "row_count":
            return "count(*)"
        if self.kind == "unique":
            key = f"struct({', '.join(quoted)})"
            present = " and ".join(f"{each} is not null" for each in quoted)
            return f"count_if({present}) - count(distinct case when {present} then {key} end)"
        return f"count_if({self._breaking(quoted[0])})"

    def _breaking(self, column: str) -> str:
        if self.kind == "not_null":
            return f"{column} is null"
        if self.kind == "accepted_values":
            return f"{column} not in ({', '.join(literal(each) for each in self.values)})"
        sides = []
        if self.low is not None:
            sides.append(f"{column} < {literal(self.low)}")
        if self.high is not None:
            sides.append(f"{column} > {literal(self.high)}")
        return " or ".join(sides)

    def judge(self, counted: int) -> "CheckResult":
        """What the count of `expression` says."""
        if self.kind == "row_count":
            low, high = self.low or 0, math.inf if self.high is None else self.high
            return CheckResult(self.name, passed=low <= counted <= high, counted=counted)
        return CheckResult(self.name, passed=counted == 0, counted=counted)


@dataclass(frozen=True)
class CheckResult:
    """`counted` is the number of rows that break the check, or of all rows for `row_count`."""

    name: str
    passed: bool = field(kw_only=True)
    counted: int = field(kw_only=True)


def read_check(data: Mapping[str, Any], *, pointer: str) -> Check:
    """A check from its JSON, or InvalidPipelineError with the place."""
    kind = data.get("kind")
    if kind not in KINDS:
        raise InvalidPipelineError(
            f"`kind` must be one of {', '.join(KINDS)}", pointer=f"{pointer}/kind"
        )
    columns = tuple(str(each) for each in data.get("columns") or ())
    check = Check(
        name=str(data.get("name") or "_".join((kind, *columns)))[:200],
        kind=kind,
        columns=columns,
        low=_number(data.get("min"), f"{pointer}/min"),
        high=_number(data.get("max"), f"{pointer}/max"),
        values=tuple(data.get("values") or ()),
    )
    _require_parts(check, pointer)
    return check


def _require_parts(check: Check, pointer: str) -> None:
    wanted = {"row_count": 0, "unique": len(check.columns) or 1}.get(check.kind, 1)
    if len(check.columns) != wanted:
        raise InvalidPipelineError(
            f"a check of this kind has {wanted} columns", pointer=f"{pointer}/columns"
        )
    if check.kind in ("range", "row_count") and check.low is None and check.high is None:
        raise InvalidPipelineError("give `min`, `max` or both", pointer=pointer)
    plain = all(type(each) in (str, int, float) for each in check.values)
    if check.kind == "accepted_values" and not (plain and 0 < len(check.values) <= MAX_VALUES):
        raise InvalidPipelineError(
            f"give 1 to {MAX_VALUES} texts or numbers", pointer=f"{pointer}/values"
        )


def _number(value: Any, pointer: str) -> float | None:
    if value is None or (type(value) in (int, float) and math.isfinite(value)):
        return value  # type: ignore[no-any-return]
    raise InvalidPipelineError("expected a number", pointer=pointer)


def quote(name: str) -> str:
    """An identifier of Spark SQL."""
    return "`" + name.replace("`", "``") + "`"


def literal(value: str | float) -> str:
    """A literal of Spark SQL; its texts take backslash escapes."""
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return repr(value)
