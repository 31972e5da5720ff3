"""What a field's name tells of its labels."""

from collections.abc import Iterable
from functools import lru_cache

from governance.classify.suggestion import Finding
from governance.classify.vocabulary import ABOUT, CODES, LIKELY, PEOPLE, SURE, THINGS
from governance.classify.words import Name

_SURE = 4.2
_LIKELY = 2.0
_OF_PERSON = 2.4
_ABOUT = -4.0
_OF_THING = -5.0
_OF_CODE = -4.5
_NUMBERS = ("pii.phone", "pii.card", "pii.national_id")
# What stands beside the phrase in the name and takes nothing from it.
_PERSONAL_LABELS = ("pii.name",)
# A date of birth may be called a time of birth.
_TIMED = frozenset({"at", "ts", "timestamp", "date"})


@lru_cache(maxsize=4096)
def findings_of_name(name: Name) -> tuple[Finding, ...]:
    """A finding for each label that the name speaks for, and those against labels of which it only tells about."""
    sure = {label for label, phrases in SURE.items() if _says(name, phrases)}
    # `client_ip` is an address; `client` says no more then.
    likely = {label for label, phrases in LIKELY.items() if not sure and _says(name, phrases)}
    found = [
        Finding(label, _SURE, "the field's name is one of this kind") for label in sorted(sure)
    ]
    found += [
        Finding(label, _LIKELY, "the field's name is often one of this kind")
        for label in sorted(likely)
    ]
    if ABOUT.intersection(name.words):
        found += [
            Finding(label, _ABOUT, "the name says that the field is about it, not that it holds it")
            for label in SURE
            if label != "pii.birthdate" or not _TIMED.issuperset(ABOUT.intersection(name.words))
        ]
    if CODES.intersection(name.words):
        found += [Finding(label, _OF_CODE, "the name is that of a code") for label in _NUMBERS]
    return (
        *found,
        *_of_names(name, sure=bool(sure & set(_PERSONAL_LABELS)), likely="pii.name" in likely),
    )


def _of_names(name: Name, *, sure: bool, likely: bool) -> Iterable[Finding]:
    """`name` alone is of a person or of a thing: the words beside it and around it tell."""
    if not sure and THINGS.intersection(name.words):
        yield Finding("pii.name", _OF_THING, "the name is that of a thing")
    elif name.has("user name"):
        return  # a name for signing in: its values tell whether people took their own
    elif not sure and PEOPLE.intersection(name.words) and len(name.words) > 1 and likely:
        yield Finding("pii.name", _OF_PERSON, "the name is that of a person")
    elif likely and name.is_in(PEOPLE):
        yield Finding("pii.name", _OF_PERSON, "what the field is in is of persons")
    elif likely and name.is_in(THINGS):
        yield Finding("pii.name", _OF_THING, "what the field is in is of things")


def _says(name: Name, phrases: Iterable[str]) -> bool:
    return any(name.has(each.rstrip("*"), within=each.endswith("*")) for each in phrases)
