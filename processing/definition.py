"""The declaration of a pipeline: steps in order, each a query, where its rows go, and what must hold of them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from processing.checks import Check, read_check
from processing.errors import InvalidPipelineError
from processing.sql import check_query

NAME_PATTERN = re.compile(r"[a-z][a-z0-9_]{0,99}")
# `<namespace>.<table>`, of as many levels as the catalog's namespaces have.
TABLE_PATTERN = re.compile(r"[a-z0-9_]{1,100}(\.[a-z0-9_]{1,100}){1,5}")
PARTITION_PATTERN = re.compile(
    r"[a-z0-9_]+|(years|months|days|hours)\([a-z0-9_]+\)|(bucket|truncate)\([0-9]{1,5}, ?[a-z0-9_]+\)"
)
MODES = ("replace", "append")
MAX_STEPS = 50
MAX_CHECKS = 100
MAX_PARTITION_FIELDS = 5


@dataclass(frozen=True, kw_only=True)
class Step:
    """`output` is a table, or None for a view that later steps may name.

    `replace` makes the table's rows those of the query, `append` adds them; either way nobody sees them before
    all checks hold.
    """

    name: str
    sql: str
    output: str | None = None
    mode: str = "replace"
    partitioned_by: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "sql": self.sql,
            "output": self.output,
            "mode": self.mode,
            "partitioned_by": list(self.partitioned_by),
            "checks": [each.as_json() for each in self.checks],
        }


@dataclass(frozen=True, kw_only=True)
class Definition:
    """SQL steps, or a Python entry point that yields the rows of each step named here (their `sql` is empty)."""

    steps: tuple[Step, ...]
    entry_point: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    inputs: frozenset[str] = frozenset()

    @property
    def outputs(self) -> list[str]:
        return sorted({step.output for step in self.steps if step.output})

    def as_json(self) -> dict[str, Any]:
        return {
            "steps": [step.as_json() for step in self.steps],
            "entry_point": self.entry_point,
            "parameters": dict(self.parameters),
            "inputs": sorted(self.inputs),
        }


def read_definition(data: Mapping[str, Any]) -> Definition:
    """A definition from its JSON; InvalidPipelineError names the place of the first fault.

    SQL steps find their inputs themselves; a Python pipeline declares them in `inputs`.
    """
    entry_point = str(data.get("entry_point") or "")
    raw = data.get("steps")
    if not isinstance(raw, list) or not 0 < len(raw) <= MAX_STEPS:
        raise InvalidPipelineError(f"a pipeline has 1 to {MAX_STEPS} steps", pointer="/steps")
    steps: list[Step] = []
    inputs: set[str] = set()
    for index, each in enumerate(raw):
        pointer = f"/steps/{index}"
        step = _read_step(each, pointer=pointer, has_sql=not entry_point)
        if step.name in {other.name for other in steps}:
            raise InvalidPipelineError(
                f"two steps are named `{step.name}`", pointer=f"{pointer}/name"
            )
        if not entry_point:
            made = {other.output or other.name for other in steps}
            inputs |= check_query(step.sql, pointer=f"{pointer}/sql") - made
        steps.append(step)
    if entry_point:
        inputs = {_table(each, f"/inputs/{n}") for n, each in enumerate(data.get("inputs") or [])}
    return Definition(
        steps=tuple(steps),
        entry_point=entry_point,
        parameters=_parameters(data.get("parameters") or {}),
        inputs=frozenset(inputs),
    )


def _read_step(data: Any, *, pointer: str, has_sql: bool) -> Step:
    if not isinstance(data, Mapping):
        raise InvalidPipelineError("a step is an object", pointer=pointer)
    name, sql = str(data.get("name") or ""), str(data.get("sql") or "")
    if not NAME_PATTERN.fullmatch(name):
        raise InvalidPipelineError("a step's name is a lower-case word", pointer=f"{pointer}/name")
    if bool(sql) != has_sql:
        raise InvalidPipelineError("give `sql` or an entry point", pointer=f"{pointer}/sql")
    output = data.get("output")
    mode = str(data.get("mode") or "replace")
    if mode not in MODES:
        raise InvalidPipelineError(
            f"`mode` is one of {', '.join(MODES)}", pointer=f"{pointer}/mode"
        )
    checks = data.get("checks") or []
    if not isinstance(checks, list) or len(checks) > MAX_CHECKS or (checks and not output):
        raise InvalidPipelineError(
            f"a step with an output has at most {MAX_CHECKS} checks", pointer=f"{pointer}/checks"
        )
    return Step(
        name=name,
        sql=sql,
        output=None if output is None else _table(output, f"{pointer}/output"),
        mode=mode,
        partitioned_by=_partitioning(data.get("partitioned_by") or [], f"{pointer}/partitioned_by"),
        checks=tuple(
            read_check(each, pointer=f"{pointer}/checks/{n}") for n, each in enumerate(checks)
        ),
    )


def _table(value: Any, pointer: str) -> str:
    if not isinstance(value, str) or not TABLE_PATTERN.fullmatch(value):
        raise InvalidPipelineError(
            "a table is named `namespace.table`, in lower case", pointer=pointer
        )
    return value


def _partitioning(value: Sequence[Any], pointer: str) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > MAX_PARTITION_FIELDS:
        raise InvalidPipelineError(
            f"at most {MAX_PARTITION_FIELDS} partition fields", pointer=pointer
        )
    for each in value:
        if not isinstance(each, str) or not PARTITION_PATTERN.fullmatch(each):
            raise InvalidPipelineError(
                "a partition field is a column or a transform such as `days(at)`", pointer=pointer
            )
    return tuple(value)


def _parameters(value: Any) -> dict[str, Any]:
    plain = isinstance(value, dict) and all(
        isinstance(key, str) and type(each) in (str, int, float, bool)
        for key, each in value.items()
    )
    if not plain:
        raise InvalidPipelineError(
            "parameters are texts, numbers and booleans", pointer="/parameters"
        )
    return dict(value)
