"""International bank account numbers (ISO 13616): country, its length, and the check of ISO 7064 mod 97-10."""

import re

from stdnum import iban

from governance.classify.column import Column
from governance.classify.suggestion import Finding
from governance.classify.weighing import percent, weigh_share

LABEL = "pii.iban"
_SHAPE = re.compile(r"(?:IBAN:?\s*)?([A-Z]{2}\d{2}[A-Z0-9 -]{10,38})", re.IGNORECASE)
MENTION = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")


def find(column: Column) -> list[Finding]:
    """Values that pass the check in a length that their country issues."""
    passed = sum(is_iban(each) for each in column.values)
    total = len(column.values)
    weight = weigh_share(passed, total, chance=0.01, cap=8)
    text = f"{percent(passed, total)} have a country's length and pass the check of ISO 7064"
    return [Finding(LABEL, weight, text)]


def is_iban(text: str) -> bool:
    shaped = _SHAPE.fullmatch(text)
    # Real check digits of the country inside the number are left out: test and old accounts lack them.
    return shaped is not None and iban.is_valid(shaped.group(1), check_country=False)
