"""Personal data inside running text: only what its own form or check proves."""

import re
from collections.abc import Callable

from governance.classify import bank, card, email, network, phone
from governance.classify.column import Column
from governance.classify.suggestion import Finding

_PHONE = re.compile(
    r"(?<![\w+])(?:\+\d{1,3}[\s().-]*)(?:\(?\d{1,4}\)?[\s.-]*){2,5}\d(?!\w)|(?<!\w)\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?!\w)"
)
_KINDS: tuple[tuple[str, re.Pattern[str], Callable[[str], bool], str], ...] = (
    (email.LABEL, email.MENTION, email.is_email, "e-mail addresses"),
    (card.LABEL, card.MENTION, card.is_card, "card numbers that pass the Luhn check"),
    (bank.LABEL, bank.MENTION, bank.is_iban, "account numbers that pass the check of ISO 7064"),
    (network.IP, network.IP_MENTION, network.is_told_ip, "IP addresses"),
    (phone.LABEL, _PHONE, phone.is_phone_shaped, "telephone numbers"),
)
_LEAST = 2.4
_MOST = 6.5


def find(column: Column) -> list[Finding]:
    """A finding for each kind that the texts mention; the more different ones, the surer."""
    found = []
    for label, pattern, is_kind, words in _KINDS:
        seen = {match.group() for each in column.values for match in pattern.finditer(each)}
        proven = sum(is_kind(each.strip()) for each in seen)
        if proven:
            holding = sum(bool(pattern.search(each)) for each in column.values)
            text = f"{holding} of {len(column.values)} sampled texts hold {words}"
            found.append(Finding(label, min(_LEAST + proven, _MOST), text))
    return found
