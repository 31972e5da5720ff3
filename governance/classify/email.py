"""E-mail addresses (RFC 5321 mailboxes as people write them)."""

import re

from governance.classify.column import Column
from governance.classify.suggestion import Finding
from governance.classify.weighing import percent, weigh_share

LABEL = "pii.email"
_ADDRESS = r"[\w.!#$%&*+/=?^{|}~'-]{1,64}@(?:[\w-]{1,63}\.)+[^\W\d_]{2,24}"
_WHOLE = re.compile(rf"(?:mailto:)?(?:[^<>@]{{0,80}}<)?{_ADDRESS}>?(?:\s*[,;]\s*{_ADDRESS})*")
MENTION = re.compile(rf"(?<![\w@/]){_ADDRESS}(?![\w@])")
# `icon@2x.png` is a file; the left side of a message's id is a number.
_FILE = re.compile(r"@\dx\.|\.(?:png|jpe?g|gif|svg|webp|js|css|json|py|txt|csv)>?$", re.IGNORECASE)
_MESSAGE_ID = re.compile(r"<?[0-9a-f.$_=-]*\d[0-9a-fA-F.$_=+-]{14,}@")


def find(column: Column) -> list[Finding]:
    """Whole values that are addresses."""
    passed = sum(is_email(each) for each in column.values)
    total = len(column.values)
    weight = weigh_share(passed, total, chance=0.01, cap=8)
    return [Finding(LABEL, weight, f"{percent(passed, total)} are e-mail addresses")]


def is_email(text: str) -> bool:
    return bool(_WHOLE.fullmatch(text)) and not _FILE.search(text) and not _MESSAGE_ID.match(text)
