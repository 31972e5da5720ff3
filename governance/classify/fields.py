"""One field: all evidence together, as labels with a confidence."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any

from governance.classify import (
    address,
    bank,
    birth,
    card,
    email,
    mentions,
    national,
    network,
    person,
    phone,
    place,
    secret,
)
from governance.classify.column import Column, read_column
from governance.classify.documents import parts_of
from governance.classify.media import suggestions_of_media
from governance.classify.names import findings_of_name
from governance.classify.suggestion import Finding, Suggestion
from governance.classify.vocabulary import SURE
from governance.classify.weighing import PRIOR, SUGGESTED_FROM, probability

VERSION = 1
LABELS = (*SURE, "pii.image", "pii.voice")
_DETECTORS: tuple[Callable[[Column], list[Finding]], ...] = (
    email.find,
    phone.find,
    card.find,
    bank.find,
    network.find,
    national.find,
    person.find,
    address.find,
    place.find,
    secret.find,
)
_DATED = frozenset({birth.LABEL})
_WHOLE_NUMBERS = frozenset({phone.LABEL, card.LABEL, national.LABEL, birth.LABEL, secret.LABEL})
_TYPES: Mapping[str, frozenset[str]] = {
    "boolean": frozenset(),
    "time": frozenset(),
    "uuid": frozenset(),
    "date": _DATED,
    "timestamp": _DATED,
    "integer": _WHOLE_NUMBERS,
    "decimal": frozenset({place.LABEL, phone.LABEL, card.LABEL, national.LABEL}),
}
# A field holds one kind of thing; but a field for contacts holds whatever people gave.
_MIXED = frozenset({email.LABEL, phone.LABEL})
_PROVEN = 4.0
_SUREST = 0.995


def classify_field(
    name: str,
    kind: str = "",
    samples: Iterable[Any] = (),
    *,
    media_type: str = "",
    path: Iterable[str] = (),
    shifts: Mapping[str, float] | None = None,
    today: date | None = None,
) -> list[Suggestion]:
    """The labels that the field most likely bears, surest first, each with its confidence and evidence.

    `kind` is the declared type, `samples` are some of its values (nested ones as Python values), `path` names what the
    field is in (dataset, struct), `media_type` is that of objects; `shifts` are log-odds learned by label. No sentence
    of the evidence quotes a value. Pure: `today` is what ages are counted from.
    """
    rows = list(samples)
    parts = parts_of(rows)
    if parts:
        return _of_documents(parts, path=(*path, name), today=today)
    column = read_column(name, kind, rows, path=path)
    found = _findings(column, today=today or date.today())  # noqa: DTZ011 - a day has no zone
    suggestions = _choose(found, column, shifts or {})
    return suggestions + suggestions_of_media(media_type)


def _findings(column: Column, *, today: date) -> dict[str, list[Finding]]:
    """The findings of each label that the field's type can hold."""
    found: dict[str, list[Finding]] = defaultdict(list)
    for each in findings_of_name(column.name):
        found[each.label].append(each)
    if column.values:
        dated = any(each.weight > 0 for each in found[birth.LABEL])
        for each in _of_values(column, today=today if dated else None):
            found[each.label].append(each)
    able = _TYPES.get(column.family)
    return {label: rows for label, rows in found.items() if able is None or label in able}


def _of_values(column: Column, *, today: date | None) -> list[Finding]:
    """Findings of whole values; in prose, of what it mentions; of dates only where `today` is given."""
    whole = [each for find in _DETECTORS for each in find(column)]
    if today is not None:
        whole += birth.find(column, today=today)
    if not column.is_prose:
        return whole
    mentioned = mentions.find(column)
    labels = {each.label for each in mentioned}
    return [each for each in whole if each.label not in labels] + mentioned


def _choose(
    found: Mapping[str, list[Finding]], column: Column, shifts: Mapping[str, float]
) -> list[Suggestion]:
    """The labels above the threshold; where one is proven by values, not those that are less than that."""
    ranked = sorted(
        (
            (PRIOR + sum(each.weight for each in rows) + shifts.get(label, 0.0), label)
            for label, rows in found.items()
        ),
        reverse=True,
    )
    chosen: list[Suggestion] = []
    for log_odds, label in ranked:
        confidence = probability(log_odds)
        if confidence < SUGGESTED_FROM:
            break
        if chosen and not column.is_prose and not _is_beside(label, chosen, found[label]):
            continue
        texts = [each.text for each in found[label] if each.weight]
        if not column.values:
            texts.append("no values were sampled")
        if shifts.get(label):
            texts.append("earlier decisions in this domain were taken into account")
        chosen.append(Suggestion(label, round(min(confidence, _SUREST), 3), tuple(texts)))
    return chosen


def _is_beside(label: str, chosen: list[Suggestion], rows: Iterable[Finding]) -> bool:
    """Whether the values of one field prove both: some are of one kind, some of the other."""
    proven = max(each.weight for each in rows) >= _PROVEN
    return proven and {label, *(each.label for each in chosen)} <= _MIXED


def _of_documents(
    parts: Mapping[str, list[Any]], *, path: tuple[str, ...], today: date | None
) -> list[Suggestion]:
    """What the parts of JSON documents hold, the surest of each label."""
    best: dict[str, Suggestion] = {}
    for part, values in parts.items():
        for each in classify_field(part, "", values, path=path, today=today):
            if each.label not in best or best[each.label].confidence < each.confidence:
                evidence = (f"in the part `{part}` of the documents", *each.evidence)
                best[each.label] = Suggestion(each.label, each.confidence, evidence)
    return sorted(best.values(), key=lambda each: -each.confidence)
