"""Names of fields as words: `customerEMail_addr2` is customer, e, mail, addr, in any case, style and script."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

_BREAKS = re.compile(
    r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[\W_]+|(?<=[^\W\d])(?=\d)|(?<=\d)(?=[^\W\d])"
)
# INVARIANT: longer than what a phrase of the vocabulary joins by accident.
_PART_FROM = 5
_STRUCTURAL = frozenset({"element", "key", "value", "item", "items", "data", "payload", "record"})


@dataclass(frozen=True, slots=True)
class Name:
    """The words of a field's own name, and those of what it is in."""

    words: tuple[str, ...]
    around: tuple[str, ...] = ()

    def has(self, phrase: str, *, within: bool = False) -> bool:
        """Whether the words hold `phrase`: as words, as one word (`firstname`), or, `within`, as a part of one."""
        return _holds(self.words, phrase, within=within)

    def is_in(self, words: Iterable[str]) -> bool:
        """Whether one of `words` is said of what the field is in."""
        return any(_holds(self.around, each, within=len(each) >= _PART_FROM) for each in words)


def read_name(name: str, *, path: tuple[str, ...] = ()) -> Name:
    """The words of a dotted name; a list's element and the like take the name of what holds them."""
    parts = [*path, *name.split(".")]
    while len(parts) > 1 and parts[-1].lower() in _STRUCTURAL:
        parts.pop()
    around = tuple(word for part in parts[:-1] for word in split_words(part))
    return Name(split_words(parts[-1]), around)


def split_words(text: str) -> tuple[str, ...]:
    """Lower-case words without accents, numbers left out."""
    words = (plain(each) for each in _BREAKS.split(text))
    return tuple(each for each in words if each and not each.isdigit())


def word_list(text: str) -> tuple[str, ...]:
    """The words of a list that is written as text."""
    return tuple(text.split())


def word_set(text: str) -> frozenset[str]:
    """The same as a set."""
    return frozenset(text.split())


def plain(text: str) -> str:
    """Lower case, without accents: `Prénom` is `prenom`, `Straße` is `strasse`."""
    spread = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(each for each in spread if not unicodedata.combining(each))
    return unicodedata.normalize(
        "NFC", bare.replace("ł", "l").replace("ø", "o").replace("ı", "i").replace("đ", "d")
    )


def _holds(words: tuple[str, ...], phrase: str, *, within: bool) -> bool:
    wanted = tuple(phrase.split())
    size = len(wanted)
    if any(words[at : at + size] == wanted for at in range(len(words) - size + 1)):
        return True
    joined = "".join(wanted)
    if joined in words or "".join(words) == joined:
        return True
    return (within or not phrase.isascii()) and any(joined in each for each in words)
