"""Credentials that should not be in a table: keys of known makes, hashed passwords, private keys, signed tokens."""

import re

from governance.classify.column import Column
from governance.classify.suggestion import Finding
from governance.classify.weighing import percent, weigh_share

LABEL = "secret.credential"
_KNOWN = re.compile(
    r"(?:AKIA|ASIA)[A-Z0-9]{16}|gh[pousr]_\w{36,}|github_pat_\w{22,}|glpat-[\w-]{20,}|sk_(?:live|test)_\w{20,}|xox[abprs]-[\w-]{10,}"
    r"|AIza[\w-]{35}|eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*|\$2[abxy]?\$\d\d\$[./\w]{53}|\$argon2(?:id?|d)\$.+|\$[156]\$[^$]+\$.+"
    r"|pbkdf2_sha(?:1|256|512)\$\d+\$.+|scrypt[:$].+|-----BEGIN [A-Z ]*PRIVATE KEY-----.*|\{S?SHA\d*\}.+|npm_\w{36}|SG\.[\w-]{22}\.[\w-]{43}|hvs\.[\w-]{20,}",
    re.DOTALL,
)
# A password is short, without blanks, and unlike the next one.
_WORDLIKE = re.compile(r"\S{6,128}")


def find(column: Column) -> list[Finding]:
    """Values of a known make; otherwise the name must say so and the values must be able to be one."""
    total = len(column.values)
    known = sum(bool(_KNOWN.fullmatch(each)) for each in column.values)
    if known:
        weight = weigh_share(known, total, chance=0.01, cap=8)
        return [Finding(LABEL, weight, f"{percent(known, total)} are credentials of a known make")]
    able = sum(bool(_WORDLIKE.fullmatch(each)) for each in column.values)
    weight = 0.0 if able * 10 >= total * 9 else -4.0
    return [Finding(LABEL, weight, f"{percent(able, total)} could be a credential")]
