"""What a caller sees under some filters: the visible sets and the chosen part of them, all as of one moment."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from django.contrib.auth.models import Group
from django.db import connection
from django.db.models import QuerySet

from catalog.models import Dataset
from core.clock import utc_now
from governance.effective.evaluate import ids_among
from governance.effective.ids import FrozenIds, Ids, ids_of, union
from governance.effective.sets import may_use_kept, visible_in
from governance.effective.store import STORE, FactStore, Session
from governance.effective.warming import keep_common_words
from governance.policy.types import Action, Principal, Subject
from governance.restriction import with_descendants
from identity.models import User

T = TypeVar("T")


@dataclass(frozen=True)
class Filters:
    """Which of the visible datasets: all conditions that are given must hold.

    `tag` is on the dataset or on a present field, and counts only where the caller may view the metadata; `domain` is a
    slug, and what lies below it counts too. `among` is a further condition in SQL, asked anew each time.
    """

    namespace: str | None = None
    kind: str | None = None
    domain: str | None = None
    tag: str | None = None
    owner: Subject | None = None
    among: tuple[QuerySet[Dataset], ...] = ()
    # the same, where it tells of metadata
    described_among: tuple[QuerySet[Dataset], ...] = ()


EVERYTHING = Filters()
# Whoever is asked for and is not there owns nothing.
NOBODY = Subject("user", 0)


@dataclass(frozen=True, slots=True)
class View:
    """Ids of what the caller may discover, of what they may view the metadata of, and of what the filters leave."""

    visible: FrozenIds
    described: FrozenIds
    found: Ids


def look(principal: Principal, filters: Filters = EVERYTHING) -> View:
    """The caller's view as of a moment within this call."""
    return ask(lambda session: view_in(session, principal, filters))


def ask(question: Callable[[Session], T]) -> T:
    """The answer from what is kept; inside a transaction, which may have changed facts itself, all is read anew."""
    if may_use_kept():
        answer = STORE.ask(question)
        keep_common_words()
        return answer
    with connection.cursor() as cursor:
        return question(Session(FactStore(), cursor))


def view_in(session: Session, principal: Principal, filters: Filters) -> View:
    """The same within a question to the store."""
    now = utc_now()
    visible = visible_in(session, principal, Action.DISCOVER, now=now)
    described = visible_in(session, principal, Action.VIEW_METADATA, now=now)
    return View(visible, described, _chosen(session, ids_of(()) | visible, described, filters))


def _chosen(session: Session, visible: Ids, described: FrozenIds, filters: Filters) -> Ids:
    found = visible
    if filters.namespace is not None:
        found &= session.living.namespaces.of.get(filters.namespace, ids_of(()))
    if filters.kind is not None:
        found &= session.leaf("kind", filters.kind)
    if filters.domain is not None:
        found &= in_domain(session, filters.domain)
    if filters.tag is not None:
        found &= bearing_tag(session, filters.tag)
        found &= described
    if filters.owner is not None:
        found &= session.leaf(f"{filters.owner.kind}_owner", filters.owner.id)
    if filters.described_among:
        found &= described
    for rows in (*filters.among, *filters.described_among):
        found = ids_among(session, rows, within=found)
    return found


def find_subject(kind: str, name: str) -> Subject | None:
    """The user or the group of this name; one query."""
    if kind == "user":
        key = User.objects.filter(username=name).values_list("pk", flat=True).first()
        return None if key is None else Subject("user", key)
    key = Group.objects.filter(name=name).values_list("pk", flat=True).first()
    return None if key is None else Subject("group", key)


def in_domain(session: Session, slug: str) -> Ids:
    """The datasets of a domain and all below it; none for an unknown one."""
    domains = session.facts.domains
    ids = frozenset(each.id for each in domains.values() if each.path.rpartition("/")[2] == slug)
    placed = session.living.domains.of
    return union(placed[each] for each in with_descendants(ids, domains) if each in placed)


def bearing_tag(session: Session, tag: str) -> Ids:
    """The datasets that bear the tag themselves or on a present field."""
    key = session.tags.get(tag)
    if key is None:
        return ids_of(())
    return session.leaf("dataset_tag", key) | session.leaf("field_tag", key)
