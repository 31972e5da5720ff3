"""Payment card numbers: ISO/IEC 7812 issuer ranges and lengths, and the Luhn check digit."""

import re

from stdnum import luhn

from governance.classify.column import Column
from governance.classify.suggestion import Finding
from governance.classify.weighing import percent, weigh_share

LABEL = "pii.card"
_DIGITS = re.compile(r"\d{4}([ -]?)\d{4,6}\1\d{4,5}(?:\1\d{1,4})?(?:\1\d{1,3})?|\d{12,19}")
MENTION = re.compile(r"(?<![\d.-])\d{4}([ -]?)\d{4,6}\1\d{4,5}(?:\1\d{1,4})?(?![\d-])")
# Issuer prefixes with the lengths that they issue, as the networks publish them.
_ISSUERS = (
    (re.compile(r"4"), (13, 16, 19)),
    (re.compile(r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), (16,)),
    (re.compile(r"3[47]"), (15,)),
    (re.compile(r"30[0-5]|3095|36|3[89]"), (14, 16)),
    (re.compile(r"6011|64[4-9]|65"), (16, 19)),
    (re.compile(r"35(?:2[89]|[3-8])"), (16, 19)),
    (re.compile(r"1800|2131"), (15,)),
    (re.compile(r"62|81"), (16, 17, 18, 19)),
    (re.compile(r"50(?:18|20|38)|5[6-8]|6304|6390|67"), (12, 13, 14, 15, 16, 17, 18, 19)),
    (re.compile(r"220[0-4]|9792|60[68]|508"), (16, 19)),
)
# A tenth of numbers pass Luhn's check, and about a quarter of those of 16 digits are in some issuer's range.
_CHANCE = 0.03


def find(column: Column) -> list[Finding]:
    """Values in an issuer's range that pass Luhn's check."""
    passed = sum(is_card(each) for each in column.values)
    total = len(column.values)
    weight = weigh_share(passed, total, chance=_CHANCE, cap=8)
    text = f"{percent(passed, total)} are in an issuer's range and pass the Luhn check"
    return [Finding(LABEL, weight, text)]


def is_card(text: str) -> bool:
    if not _DIGITS.fullmatch(text):
        return False
    digits = text.replace(" ", "").replace("-", "")
    in_range = any(prefix.match(digits) and len(digits) in lengths for prefix, lengths in _ISSUERS)
    return in_range and len(set(digits)) > 1 and luhn.is_valid(digits)
