"""What a lineage question asks, read from its parameters."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from django.http import QueryDict

from catalog.queries.lineage import MAX_BUDGET, MAX_DEPTH, NODE_BUDGET
from catalog.queries.nodes import split_node_id
from core.clock import utc_now
from core.errors import InvalidInputError

DEFAULT_DEPTH = 20
DIRECTIONS = ("both", "upstream", "downstream")
LEVELS = ("table", "column")
FORMATS = ("json", "mermaid", "dot")
MAX_FILTERS = 50
UNLIMITED = "unlimited"


@dataclass(frozen=True, slots=True)
class Question:
    """`kind` and `rest` are the node asked about; `depth` None is unlimited; `at` None is now; no filter is all."""

    kind: str
    rest: str
    direction: str = "both"
    depth: int | None = DEFAULT_DEPTH
    budget: int = NODE_BUDGET
    level: str = "table"
    collapse_jobs: bool = False
    namespaces: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    at: datetime | None = None
    format: str = "json"

    @property
    def is_filtered(self) -> bool:
        """Whether it asks for some namespaces or tags only."""
        return bool(self.namespaces or self.tags)


def read_question(params: QueryDict, *, direction: str = "both", level: str = "table") -> Question:
    """The question of a query string; InvalidInputError names what is wrong. The other arguments are defaults."""
    kind, rest = read_node_id(params, "nodeId")
    collapse = params.get("collapse", "")
    if collapse not in {"", "jobs"}:
        raise InvalidInputError("`collapse` must be `jobs`")
    question = Question(
        kind,
        rest,
        direction=read_choice(params, "direction", DIRECTIONS, default=direction),
        depth=read_depth(params),
        budget=read_budget(params),
        level=read_choice(params, "level", LEVELS, default=level),
        collapse_jobs=collapse == "jobs",
        namespaces=_filter(params, "namespace"),
        tags=_filter(params, "tag"),
        at=_instant(params),
        format=read_choice(params, "format", FORMATS, default="json"),
    )
    if question.level == "column" and question.collapse_jobs:
        raise InvalidInputError("`collapse` is for tables: fields are joined without jobs already")
    return question


def read_node_id(params: Mapping[str, str], name: str) -> tuple[str, str]:
    """Kind and name of the node that a parameter holds; InvalidInputError if it is none."""
    node_id = params.get(name)
    if not node_id:
        raise InvalidInputError(f"`{name}` is needed")
    return split_node_id(node_id)


def read_depth(params: Mapping[str, str]) -> int | None:
    """`depth` from 0 to 1000, 20 when not given, None for `unlimited`; InvalidInputError otherwise."""
    raw = params.get("depth", str(DEFAULT_DEPTH))
    if raw == UNLIMITED:
        return None
    if not raw.isdecimal() or len(raw) > 4 or int(raw) > MAX_DEPTH:  # noqa: PLR2004 - longer than MAX_DEPTH
        raise InvalidInputError(
            f"`depth` must be a whole number from 0 to {MAX_DEPTH}, or `{UNLIMITED}`"
        )
    return int(raw)


def read_budget(params: Mapping[str, str]) -> int:
    """`budget` from 1 to 20,000 nodes, 5,000 when not given; InvalidInputError otherwise."""
    raw = params.get("budget", str(NODE_BUDGET))
    if not raw.isdecimal() or len(raw) > 5 or not 1 <= int(raw) <= MAX_BUDGET:  # noqa: PLR2004
        raise InvalidInputError(f"`budget` must be a whole number of nodes from 1 to {MAX_BUDGET}")
    return int(raw)


def read_choice(
    params: Mapping[str, str], name: str, choices: tuple[str, ...], *, default: str
) -> str:
    """One of `choices`; InvalidInputError names them."""
    value = params.get(name, default)
    if value not in choices:
        raise InvalidInputError(f"`{name}` must be one of {', '.join(choices)}")
    return value


def _filter(params: QueryDict, name: str) -> frozenset[str]:
    values = params.getlist(name)
    if len(values) > MAX_FILTERS or any(not value for value in values):
        raise InvalidInputError(f"`{name}` may be given {MAX_FILTERS} times, each with a value")
    return frozenset(values)


def _instant(params: Mapping[str, str]) -> datetime | None:
    """`asOf`, an ISO 8601 time; without an offset it is UTC. One in the future is an error: nobody knows it."""
    raw = params.get("asOf")
    if raw is None:
        return None
    try:
        found = datetime.fromisoformat(raw)
    except ValueError:
        raise InvalidInputError("`asOf` must be an ISO 8601 time") from None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    if found > utc_now():
        raise InvalidInputError("`asOf` must not lie in the future")
    return found
