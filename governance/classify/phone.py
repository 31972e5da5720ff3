"""Telephone numbers, by the numbering plans that Google's libphonenumber keeps."""

import re
from functools import lru_cache

import phonenumbers

from governance.classify.column import Column
from governance.classify.suggestion import Finding
from governance.classify.weighing import percent, weigh_share
from governance.classify.words import word_list

LABEL = "pii.phone"
# Plans tried for numbers without a country's code; those of the most used first.
_REGIONS = word_list(
    """
    US GB DE FR ES IT IN BR JP CN MX NL PL PT RU TR KR AU SE CH AT BE CZ DK FI NO GR RO UA IL ZA AR CO CL ID TH VN PH
    MY EG SA AE PK BD NG KE IE NZ HU SK BG HR SI EE LT LV
    """
)
_TRIED = 16
_COUNTED = 60
_SHAPE = re.compile(
    r"[+(]?[\d][\d\s().\-/]{4,22}\d(?:\s*(?:x|ext\.?|#|/)\s*\d{1,6})?", re.IGNORECASE
)
# Dates, numbers with a point, postcodes, SSN, CPF, ISBN, IP addresses, versions, times.
_OTHER = re.compile(
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}.*|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}|\d+\.\d+|\d{5}-\d{3,4}|\d{3}-\d{2}-\d{4}"
    r"|\d{3}\.\d{3}\.\d{3}-\d{2}|97[89][- ].*|(?:\d{1,3}\.){3}\d{1,3}|\d{1,2}\.\d{1,2}\.\d{1,2}|\d{1,4}-\d{1,4}"
)
_LEAST, _MOST = 7, 15
# A number that only has a phone's punctuation and length; one that is in some country's plan; one that begins with `+`.
_CHANCES = {"digits": (0.5, 1.2), "written": (0.2, 4.5), "international": (0.03, 7.5)}


def find(column: Column) -> list[Finding]:
    """Values that are numbers of one country's plan, or of any with the country's code."""
    values = column.values[:_COUNTED]
    shaped = [each for each in values if is_phone_shaped(each)]
    if not shaped:
        return [
            Finding(
                LABEL,
                weigh_share(0, len(values), chance=0.05, cap=6.0),
                "no value is a telephone number",
            )
        ]
    style = _style(shaped)
    chance, cap = _CHANCES[style]
    passed = _valid(shaped)
    found = weigh_share(passed, len(values), chance=chance, cap=cap)
    text = f"{percent(passed, len(values))} are in a country's numbering plan"
    if style == "written":
        # Invented and old numbers are in no plan, but nothing else is written so.
        loose = weigh_share(len(shaped), len(values), chance=0.3, cap=2.8)
        if loose > found:
            found, text = (
                loose,
                f"{percent(len(shaped), len(values))} are written like telephone numbers",
            )
    return [Finding(LABEL, found if found > 0 else max(found, -2.0), text)]


def is_phone_shaped(text: str) -> bool:
    digits = sum(each.isdigit() for each in text)
    return (
        _LEAST <= digits <= _MOST + 6
        and bool(_SHAPE.fullmatch(text))
        and not _OTHER.fullmatch(text)
    )


def _style(shaped: list[str]) -> str:
    plus = sum(each.startswith(("+", "00")) for each in shaped)
    bare = sum(each.isdigit() for each in shaped)
    if plus * 2 > len(shaped):
        return "international"
    return "digits" if bare * 2 > len(shaped) else "written"


def _valid(shaped: list[str]) -> int:
    """How many are valid, in the plan that fits best."""
    plans: dict[str, int] = {}
    for region in _REGIONS:
        plans[region] = sum(_is_valid(each, region) for each in shaped[:_TRIED])
        if plans[region] == len(shaped[:_TRIED]):
            break
    best = max(plans, key=lambda region: plans[region])
    return sum(_is_valid(each, best) for each in shaped)


@lru_cache(maxsize=16_384)
def _is_valid(text: str, region: str) -> bool:
    bare = re.sub(r"^00(?=[1-9])", "+", text)
    try:
        number = phonenumbers.parse(bare, region)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_valid_number(number)
