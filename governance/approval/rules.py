"""Rules of approval: which requests they bear on, and who must agree. A rule is a document, read as strictly as a policy."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from governance.policy.documents import parse_scope
from governance.policy.errors import PolicyDocumentError
from governance.policy.readers import (
    check_keys,
    read_mapping,
    read_name,
    read_one_of,
    read_text,
    read_texts,
)
from governance.policy.types import Scope

MAX_STAGES = 10
MAX_NEEDED = 20
MAX_HOURS = 24 * 90
MAX_DAYS = 366
EVERYWHERE = Scope()


class Kind(StrEnum):
    """Whose agreement a stage asks for. INVARIANT: always of those only whom the kernel lets approve there."""

    OWNER = "owner"
    STEWARD = "steward"
    GROUP = "group"
    APPROVER = "approver"


@dataclass(frozen=True, kw_only=True)
class AutomaticWhen:
    """All that is stated must hold: tags of the dataset, the requester's domain and groups, no label on a wanted column."""

    tags: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    same_domain: bool = False
    unlabelled: bool = False
    at_most_days: int | None = None


@dataclass(frozen=True, kw_only=True)
class StageRule:
    """`needed` different people of `kind`. After `escalate_hours` those next in line may decide as well."""

    kind: Kind
    group: str = ""
    needed: int = 1
    automatic: AutomaticWhen | None = None
    remind_hours: int | None = None
    escalate_hours: int | None = None


@dataclass(frozen=True, kw_only=True)
class Rule:
    name: str
    scope: Scope = EVERYWHERE
    stages: tuple[StageRule, ...] = ()
    in_order: bool = True
    different_people: bool = True
    rivals: frozenset[str] = frozenset()
    description: str = ""


def parse_rule(document: Mapping[str, Any]) -> Rule:
    """The rule that `document` states. Raises PolicyDocumentError with a JSON pointer."""
    check_keys(document, ("name", "description", "applies_to", "order", "stages", "conflicts"), "")
    for key in ("name", "applies_to", "stages"):
        if key not in document:
            raise PolicyDocumentError(f"`{key}` is missing", pointer="")
    conflicts = read_mapping(document.get("conflicts", {}), "/conflicts")
    check_keys(conflicts, ("different_people", "groups"), "/conflicts")
    scope = parse_scope(document["applies_to"])
    if scope.fields:
        raise PolicyDocumentError("a rule names no fields", pointer="/applies_to/fields")
    order = read_one_of(document.get("order", "sequence"), ["sequence", "parallel"], "/order")
    return Rule(
        name=read_name(document["name"]),
        description=read_text(document.get("description", ""), "/description", empty=True),
        scope=scope,
        stages=_stages(document["stages"]),
        in_order=order == "sequence",
        different_people=_flag(conflicts, "different_people", "/conflicts", default=True),
        rivals=frozenset(read_texts(conflicts.get("groups", []), "/conflicts/groups", empty=True)),
    )


def _stages(given: Any) -> tuple[StageRule, ...]:
    if not isinstance(given, list) or not 1 <= len(given) <= MAX_STAGES:
        raise PolicyDocumentError(f"expected a list of 1 to {MAX_STAGES} stages", pointer="/stages")
    return tuple(_stage(each, f"/stages/{place}") for place, each in enumerate(given))


def _stage(given: Any, pointer: str) -> StageRule:
    stage = read_mapping(given, pointer)
    keys = ("by", "group", "needed", "automatic_when", "remind_after_hours", "escalate_after_hours")
    check_keys(stage, keys, pointer)
    kind = Kind(read_one_of(stage.get("by"), [str(each) for each in Kind], f"{pointer}/by"))
    group = read_text(stage.get("group", ""), f"{pointer}/group", empty=True)
    if (kind is Kind.GROUP) != bool(group):
        raise PolicyDocumentError(
            "a stage by a `group` names it, and no other does", pointer=f"{pointer}/group"
        )
    automatic = stage.get("automatic_when")
    return StageRule(
        kind=kind,
        group=group,
        needed=_number(stage, "needed", pointer, most=MAX_NEEDED) or 1,
        automatic=None if automatic is None else _automatic(automatic, f"{pointer}/automatic_when"),
        remind_hours=_number(stage, "remind_after_hours", pointer, most=MAX_HOURS),
        escalate_hours=_number(stage, "escalate_after_hours", pointer, most=MAX_HOURS),
    )


def _automatic(given: Any, pointer: str) -> AutomaticWhen:
    when = read_mapping(given, pointer)
    check_keys(when, ("tags", "groups", "same_domain", "unlabelled", "at_most_days"), pointer)
    if not when:
        # nothing stated would hold for everybody
        raise PolicyDocumentError("expected at least one condition", pointer=pointer)
    found = AutomaticWhen(
        tags=frozenset(read_texts(when.get("tags", []), f"{pointer}/tags", empty=True)),
        groups=frozenset(read_texts(when.get("groups", []), f"{pointer}/groups", empty=True)),
        same_domain=_flag(when, "same_domain", pointer),
        unlabelled=_flag(when, "unlabelled", pointer),
        at_most_days=_number(when, "at_most_days", pointer, most=MAX_DAYS),
    )
    if found == AutomaticWhen():
        raise PolicyDocumentError("expected at least one condition", pointer=pointer)
    return found


def _flag(mapping: Mapping[str, Any], key: str, pointer: str, *, default: bool = False) -> bool:
    value = mapping.get(key, default)
    if not isinstance(value, bool):
        raise PolicyDocumentError("expected true or false", pointer=f"{pointer}/{key}")
    return value


def _number(mapping: Mapping[str, Any], key: str, pointer: str, *, most: int) -> int | None:
    value = mapping.get(key)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise PolicyDocumentError(
            f"expected a whole number from 1 to {most}", pointer=f"{pointer}/{key}"
        )
    return value
