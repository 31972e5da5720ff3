"""Persons of the audit log: found by name, kept in a small cache, never trusted without a look at the table."""

from collections import OrderedDict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from threading import Lock

from governance.auditing.keys import (
    SubjectKey,
    name_digest,
    name_digests,
    new_subject_key,
    unwrap,
    wrap,
)
from governance.models import AuditSubject

CACHED_SUBJECTS = 10_000
# Who acts without being anybody.
NOBODY = frozenset({"", "system", "command"})
USER_RESOURCE = "user:"


@dataclass(frozen=True, slots=True)
class Subject:
    """A person as records are written for them: row of the key table, pseudonym, data key."""

    pk: int
    pseudonym: str
    key: bytes = field(repr=False)


class _Cache:
    """The subjects that were written for last. INVARIANT: an insert asks the table whether they still hold."""

    def __init__(self) -> None:
        self._found: OrderedDict[str, Subject] = OrderedDict()
        self._lock = Lock()

    def get(self, name: str) -> Subject | None:
        with self._lock:
            found = self._found.get(name)
            if found is not None:
                self._found.move_to_end(name)
            return found

    def put(self, name: str, subject: Subject) -> None:
        with self._lock:
            self._found[name] = subject
            while len(self._found) > CACHED_SUBJECTS:
                self._found.popitem(last=False)

    def forget(self, names: Iterable[str]) -> None:
        with self._lock:
            for name in names:
                self._found.pop(name, None)


_cache = _Cache()


def subjects_of(names: Collection[str]) -> dict[str, Subject]:
    """The subject of each name, made where there is none yet, in the order of their pseudonyms."""
    found = [(name, _cache.get(name) or _load(name)) for name in names]
    return dict(sorted(found, key=lambda pair: pair[1].pseudonym))


def forget_subjects(names: Iterable[str]) -> None:
    """Read these from the table next time."""
    _cache.forget(names)


def pseudonyms_of(name: str) -> list[str]:
    """What the log calls this person: nothing for who is unknown to it or erased, rarely more than one."""
    rows = AuditSubject.objects.filter(digest__in=name_digests(name))
    return list(rows.order_by("pk").values_list("pseudonym", flat=True))


def known_subjects(pseudonyms: Iterable[str]) -> dict[str, SubjectKey]:
    """Name and key by pseudonym, of those that are not erased; one query, nothing cached."""
    rows = AuditSubject.objects.filter(pseudonym__in=set(pseudonyms), wrapped__isnull=False)
    return {
        pseudonym: unwrap(bytes(wrapped or b""))
        for pseudonym, wrapped in rows.values_list("pseudonym", "wrapped")
    }


def name_of(subject: AuditSubject) -> str:
    """The person's name, empty where it was erased."""
    return unwrap(bytes(subject.wrapped)).name if subject.wrapped else ""


def _load(name: str) -> Subject:
    """The subject from the table. Two processes that meet a name at once may each make one: nobody waits for the other."""
    row = AuditSubject.objects.filter(digest__in=name_digests(name)).order_by("pk").first()
    if row is None:
        fresh = new_subject_key(name)
        row = AuditSubject.objects.create(
            digest=name_digest(name), pseudonym=fresh.pseudonym, wrapped=wrap(fresh)
        )
    subject = Subject(row.pk, row.pseudonym, unwrap(bytes(row.wrapped or b"")).key)
    _cache.put(name, subject)
    return subject
