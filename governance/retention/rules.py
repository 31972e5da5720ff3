"""Rules of retention: which datasets they bear on, how long these are kept, what goes when. Read as strictly as policies."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from governance.policy.documents import parse_scope
from governance.policy.errors import PolicyDocumentError
from governance.policy.readers import (
    check_keys,
    read_mapping,
    read_name,
    read_one_of,
    read_text,
)
from governance.policy.types import Scope
from governance.retention.precedence import Term, What

MAX_DAYS = 366 * 100


@dataclass(frozen=True, kw_only=True)
class Rule:
    name: str
    scope: Scope
    term: Term
    description: str = ""


def parse_retention_rule(document: Mapping[str, Any]) -> Rule:
    """The rule that `document` states. Raises PolicyDocumentError with a JSON pointer."""
    check_keys(document, ("name", "description", "applies_to", "keep_days", "delete"), "")
    for key in ("name", "applies_to"):
        if key not in document:
            raise PolicyDocumentError(f"`{key}` is missing", pointer="")
    name, keep = read_name(document["name"]), _days(document, "keep_days", "")
    if keep is None and "delete" not in document:
        raise PolicyDocumentError("expected `keep_days`, `delete` or both", pointer="")
    scope = parse_scope(document["applies_to"])
    if scope.fields:
        raise PolicyDocumentError("a rule names no fields", pointer="/applies_to/fields")
    what, column, after = _deletion(document)
    if keep is not None and after is not None and after < keep:
        raise PolicyDocumentError(
            "what is deleted must be older than what is kept", pointer="/delete/after_days"
        )
    return Rule(
        name=name,
        scope=scope,
        term=Term(rule=name, keep_for=keep, what=what, column=column, delete_after=after),
        description=read_text(document.get("description", ""), "/description", empty=True),
    )


def _deletion(document: Mapping[str, Any]) -> tuple[What | None, str, timedelta | None]:
    if "delete" not in document:
        return None, "", None
    given = read_mapping(document["delete"], "/delete")
    check_keys(given, ("what", "column", "after_days"), "/delete")
    what = What(read_one_of(given.get("what"), [str(each) for each in What], "/delete/what"))
    column = read_text(given.get("column", ""), "/delete/column", empty=True)
    if (what is What.ROWS) != bool(column):
        raise PolicyDocumentError(
            "rows go by the date in a `column`, and nothing else does", pointer="/delete/column"
        )
    after = _days(given, "after_days", "/delete")
    if after is None:
        raise PolicyDocumentError("`after_days` is missing", pointer="/delete")
    return what, column, after


def _days(mapping: Mapping[str, Any], key: str, pointer: str) -> timedelta | None:
    value = mapping.get(key)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_DAYS:
        raise PolicyDocumentError(
            f"expected a whole number from 1 to {MAX_DAYS}", pointer=f"{pointer}/{key}"
        )
    return timedelta(days=value)
