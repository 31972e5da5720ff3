"""Names of people: words of which the dictionary knows some, in the shape that names have."""

import re
import unicodedata
from functools import lru_cache

from governance.classify.column import Column
from governance.classify.dictionaries import cities, family_names, given_names, street_words
from governance.classify.suggestion import Finding
from governance.classify.weighing import percent, weigh_share
from governance.classify.words import plain, word_set

LABEL = "pii.name"
_MOST_WORDS = 6
# Beside letters (and the marks of Indic and Thai letters) a name has only these.
_SIGNS = frozenset(" .,-'\u2019\u00b4\u02bc`\u00b7\u3000")
_LONGEST = 80
_TITLES = word_set(
    """
    al b.a bin bsc da dame dds de del den der di dipl don dona dos dott dr dr.ssa du dvm el esq fr frau herr hr ibn ii
    iii ing iv jr la le m mag mba md med miss mlle mme mr mrs ms msc mx ph.d phd prof sig sir sr sra srta univ van von
    zu
    """
)
_ORGANISATIONS = word_set(
    """
    s/a s.a ei
    & a/s ab ag airlines airport and aps as asa asociados associates association bank beach bros brothers bv cafe
    church cie club co college compagnie company corp corporation county cv department doo e eg eireli ek et ev fc
    figli fils foundation global gmbh group groupe grupo gruppe gruppo hijos holding holdings hospital hotel i inc
    industries institute international island kft kg kgaa lake llc llp ltd ltda mbh ministry mount museum nv ohg ooo
    oy oyj park partners plc pt restaurant river sa sarl sarls sas sc school se services sl slu snc sociedad societa
    solutions sons spa srl sro station stiftung systems tbk technologies ug und union university verein y zrt зао ип
    оао ооо пао 公司 合同会社 有限会社 有限公司 株式会社 集团 유한회사 주식회사
    """
)
_CJK = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{2,5}(?:[ \u3000·][\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{1,4})?"
)
_SHARE_OF_ORGANISATIONS = 0.12


def find(column: Column) -> list[Finding]:
    """Values with words that are names of people, unless too many are of organisations, cities or streets."""
    values, total = column.values, len(column.values)
    shaped = sum(bool(_words(each)) for each in values)
    if shaped * 2 < total:
        return [Finding(LABEL, -4.0, f"{percent(shaped, total)} have the shape of a name")]
    others = sum(_is_organisation(each) for each in values)
    if others > total * _SHARE_OF_ORGANISATIONS:
        text = f"{percent(others, total)} are named like organisations or places"
        return [Finding(LABEL, -6.0, text)]
    towns = sum(plain(each) in cities() and not is_person(each) for each in values)
    passed = sum(is_person(each) for each in values)
    text = f"{percent(passed, total)} have words that are known as names of people"
    if towns > passed * 0.8 and towns * 3 > total:
        return [Finding(LABEL, -4.0, f"{percent(towns, total)} are names of cities")]
    worded = sum(len(_words(each)) > 1 for each in values) * 2 > total
    weight = weigh_share(passed, total, chance=0.2, cap=5.0 if worded else 4.2)
    # The dictionary is no list of all names: few known ones say little against a field that is called so.
    return [Finding(LABEL, max(weight, -1.2), text)]


@lru_cache(maxsize=16_384)
def is_person(text: str) -> bool:
    """Whether a word is known as a given name, or for one word or most of several, as a family name."""
    words = _words(text)
    if not words:
        return False
    if _CJK.fullmatch(text):
        return _is_cjk_name(text)
    known = [each for each in words if each in given_names() or each in family_names()]
    if len(words) == 1:
        return bool(known)
    return any(each in given_names() for each in words) or len(known) * 2 > len(words)


def _is_cjk_name(text: str) -> bool:
    families = family_names()
    bare = text.replace("\u3000", " ").replace("·", " ")
    starts = {plain(bare[:size]) for size in (1, 2, 3)} | {plain(bare.partition(" ")[0])}
    return not starts.isdisjoint(families) or plain(bare) in given_names()


@lru_cache(maxsize=16_384)
def _words(text: str) -> tuple[str, ...]:
    """The words of a text in the shape of a name, titles and initials left out; none for another shape."""
    if len(text) > _LONGEST or not all(_is_of_name(each) for each in text):
        return ()
    parts = re.split(r"[\s,.\u3000]+", text)
    if len(parts) > _MOST_WORDS + 1:
        return ()
    words = (plain(each) for part in parts for each in (part.split("-") if "-" in part else [part]))
    return tuple(
        each.strip("'\u2019\u00b4\u02bc`")
        for each in words
        if each and each not in _TITLES and len(each) > (1 if each.isascii() else 0)
    )


def _is_of_name(char: str) -> bool:
    return char.isalpha() or char in _SIGNS or unicodedata.category(char).startswith("M")


def _is_organisation(text: str) -> bool:
    words = set(re.split(r"[\s,.\-]+", plain(text)))
    if not _ORGANISATIONS.isdisjoint(words):
        # `y`, `e`, `i`, `de` stand in names, too; `A and B` does not.
        return len(words - _TITLES) > 1
    last = plain(text).split()[-1:] if " " in text else []
    return any(each.strip(".") in street_words() for each in last)
