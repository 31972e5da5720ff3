"""Postal addresses: a house number beside words, a street's word, a postcode; in one value or only the street."""

import re
from functools import lru_cache

from governance.classify.column import Column
from governance.classify.dictionaries import street_words
from governance.classify.suggestion import Finding
from governance.classify.weighing import percent, weigh_share
from governance.classify.words import plain, word_set

LABEL = "pii.address"
_STREETS = word_set(
    """
    al alameda aleja alle allee apartment apt av avda ave avenida avenue bd blv blvd boulevard box bulevardul bulvari
    cad caddesi calle camino carrer carretera chemin close corso court crescent ct damm dr drive duong estrada gang
    gasse gata gatan gate highway hwy impasse jalan jl kade katu korut krt laan lane ln mah mahallesi namesti os
    osiedle parkway paseo pho piazza pkwy pl place platz plaza plein praca quai rd ring road rodovia rua rue sok sokak
    sq square st str straat strada strasse street suite ter terrace tie travessa trida ufer ul ulica ulice unit ut
    utca vag vagen vei veien vej via viale vicolo way weg бул вул вулиця наб пер переулок пр просп проспект ул улица
    шоссе
    """
)
# As the end of a compound: Hauptstraße, Storgatan, Kerkstraat, Lindenallee.
_ENDS = (
    "strasse",
    "str.",
    "weg",
    "platz",
    "allee",
    "gasse",
    "gatan",
    "vagen",
    "straat",
    "laan",
    "plein",
    "gata",
    "veien",
    "vej",
    "gade",
    "katu",
    "tie",
    "ring",
)
_ASIAN = re.compile(r"[都道府県市区町村郡省县路街号號室丁目番地동구시로길읍면]")
_NUMBER = re.compile(r"(?<!\d)\d{1,5}[a-zA-Z]?(?:[-/]\d{1,4}[a-zA-Z]?)?(?!\d)")
_POSTCODE = re.compile(
    r"(?<!\d)\d{4,6}(?:-\d{3,4})?(?!\d)|\b[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}\b|\b[A-Z]\d[A-Z] ?\d[A-Z]\d\b|\b\d{4} ?[A-Z]{2}\b|\b\d{2}-\d{3}\b"
)
_SHORTEST = 5
# Signs of programs and links, not of addresses.
_CODE = re.compile(r"[;{}<>=@|]|://")


def find(column: Column) -> list[Finding]:
    """Values that have the parts of an address."""
    total = len(column.values)
    passed = sum(is_address(each) for each in column.values)
    text = f"{percent(passed, total)} have the parts of a postal address"
    weight = weigh_share(passed, total, chance=0.06, cap=4.6)
    if weight < 0:
        able = sum(_may_be_street(each) for each in column.values)
        # `Lindenhof`, `Le Bourg`: streets without a number are many in some lands, and tell nothing.
        weight = max(weight, -1.0 if able * 10 >= total * 6 else -4.5)
    return [Finding(LABEL, weight, text)]


@lru_cache(maxsize=16_384)
def is_address(text: str) -> bool:
    """Whether a text has a number, and a street's word or a postcode behind a line or a comma."""
    if len(text) < _SHORTEST or _CODE.search(text) or not any(map(str.isalpha, text)):
        return False
    if (
        not text.isascii()
        and len(_ASIAN.findall(text)) > 1
        and any(each.isdigit() for each in text)
    ):
        return True
    if not _NUMBER.search(text):
        return False
    words = [each.strip(".,;()#") for each in plain(text).split()]
    if len(words) > 25 or len(words) < 2:
        return False
    if any(
        each in _STREETS or each in street_words() or (len(each) > 6 and each.endswith(_ENDS))
        for each in words
    ):
        return True
    return bool(_POSTCODE.search(text)) and bool(re.search(r"[,\n]", text)) and len(words) > 2


def _may_be_street(text: str) -> bool:
    letters = sum(each.isalpha() or each in " .'-" for each in text)
    return letters * 2 > len(text) and not text.startswith(("http", "0x")) and "@" not in text
