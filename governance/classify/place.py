"""Coordinates: degrees with decimals, one by one or as pairs.

They are suggested as `geo`, not as `pii`: whose place it is, a steward knows.
"""

import re

from governance.classify.column import Column
from governance.classify.suggestion import Finding
from governance.classify.weighing import percent, weigh_share

LABEL = "geo.coordinates"
_PAIR = re.compile(
    r"[(\[]?\s*(-?\d{1,3}\.\d{3,})\s*[,; ]\s*(-?\d{1,3}\.\d{3,})\s*[)\]]?|POINT\s*\(-?\d+(?:\.\d+)? -?\d+(?:\.\d+)?\)",
    re.IGNORECASE,
)
_DEGREES = re.compile(r"-?\d{1,3}\.\d{3,}")
_MOST = 180


def find(column: Column) -> list[Finding]:
    """Pairs speak for themselves; single numbers need a name that says so."""
    total = len(column.values)
    pairs = sum(bool(_PAIR.fullmatch(each)) for each in column.values)
    if pairs:
        weight = weigh_share(pairs, total, chance=0.03, cap=6)
        return [Finding(LABEL, weight, f"{percent(pairs, total)} are pairs of degrees")]
    single = sum(
        bool(_DEGREES.fullmatch(each)) and abs(float(each)) <= _MOST for each in column.values
    )
    cap = 1.0 if single * 2 > total else 5.0
    weight = weigh_share(single, total, chance=0.4, cap=cap)
    return [Finding(LABEL, weight, f"{percent(single, total)} are numbers within 180 degrees")]
