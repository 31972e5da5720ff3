"""What all lines of a chunk share: who imports, what was refused, and the entries that lines name."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.contrib.auth.models import Group
from django.db import connection
from django.db.models.functions import Lower

from catalog.models import Dataset, Domain, GlossaryTerm, Tag
from catalog.services.bulk.lines import OwnerLine, TermRef
from catalog.services.bulk.rights import Rights
from catalog.services.tags import ensure_tag
from core.errors import LakewardenError, UnprocessableError
from identity.models import User

Key = tuple[str, str]


@dataclass
class ChunkContext:
    """The state of one chunk while it is written."""

    actor: str
    rights: Rights
    now: datetime
    refused: dict[int, LakewardenError] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def refuse(self, line: int, error: LakewardenError) -> None:
        """Note that a line is not taken; of two reasons the first one counts."""
        self.refused.setdefault(line, error)


@dataclass(frozen=True)
class References:
    """The domains, tags, owners and terms that lines name."""

    domains: dict[str, Domain]
    tags: dict[str, int]
    users: dict[str, int]
    groups: dict[str, int]
    terms: dict[Key, int]

    def domain(self, slug: str, *, rights: Rights) -> Domain:
        """The domain, if the importer may know of it; UnprocessableError otherwise."""
        found = self.domains.get(slug)
        if found is None or not rights.knows_domain(found.pk):
            raise UnprocessableError(f"there is no domain `{slug}`", pointer="/domain")
        return found

    def owner(self, owner: OwnerLine) -> tuple[str, int]:
        """("user_id" or "group_id", key); UnprocessableError if there is none of that name."""
        found = (self.groups if owner.kind == "group" else self.users).get(owner.name)
        if found is None:
            raise UnprocessableError(f"there is no {owner.kind} `{owner.name}`", pointer="/owners")
        return f"{owner.kind}_id", found

    def term(self, term: TermRef) -> int:
        """The id of the term; UnprocessableError if there is none."""
        found = self.terms.get((term.domain, term.name.lower()))
        if found is None:
            raise UnprocessableError(
                f"there is no term `{term.name}` in domain `{term.domain}`", pointer="/terms"
            )
        return found


def load_domains(slugs: Iterable[str]) -> dict[str, Domain]:
    """The domains of these slugs that there are."""
    wanted = set(slugs)
    return {row.slug: row for row in Domain.objects.filter(slug__in=wanted)} if wanted else {}


def load_references(
    *,
    domains: dict[str, Domain],
    tags: Iterable[str],
    owners: Iterable[OwnerLine],
    terms: Iterable[TermRef],
    context: ChunkContext,
) -> References:
    """Find what the lines name, in a few queries; tags are made if need be."""
    named_terms = set(terms)
    people = {each.name for each in owners if each.kind == "user"}
    teams = {each.name for each in owners if each.kind == "group"}
    missing = {each.domain for each in named_terms} - domains.keys()
    rows = {**domains, **load_domains(missing)}
    return References(
        domains=rows,
        tags=_tags(set(tags), actor=context.actor),
        users=dict(
            User.objects.filter(username__in=people, is_active=True).values_list("username", "pk")
        )
        if people
        else {},
        groups=dict(Group.objects.filter(name__in=teams).values_list("name", "pk"))
        if teams
        else {},
        terms=_terms(named_terms, domains=rows, rights=context.rights),
    )


def _tags(names: set[str], *, actor: str) -> dict[str, int]:
    found = dict(Tag.objects.filter(name__in=names).values_list("name", "pk")) if names else {}
    for name in sorted(names - found.keys()):
        found[name] = ensure_tag(name=name, actor=actor).pk
    return found


def _terms(named: set[TermRef], *, domains: dict[str, Domain], rights: Rights) -> dict[Key, int]:
    if not named:
        return {}
    known = [row.pk for row in domains.values() if rights.knows_domain(row.pk)]
    rows = (
        GlossaryTerm.objects.annotate(lowered=Lower("name"))
        .filter(domain__in=known, lowered__in={each.name.lower() for each in named})
        .values_list("domain__slug", "lowered", "pk")
    )
    return {(slug, name): pk for slug, name, pk in rows}


def find_datasets(names: Iterable[Key]) -> dict[Key, int]:
    """The live or deleted dataset of each name, be it its own or a symlink; two queries at most."""
    wanted = sorted(set(names))
    if not wanted:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            FIND_DATASETS,
            {"namespaces": [key[0] for key in wanted], "names": [key[1] for key in wanted]},
        )
        return {(namespace, name): pk for namespace, name, pk in cursor.fetchall()}


FIND_DATASETS = """
SELECT q.namespace, q.name, coalesce(d.id, s.dataset_id)
  FROM unnest(%(namespaces)s::text[], %(names)s::text[]) AS q (namespace, name)
  LEFT JOIN catalog_dataset d ON d.namespace = q.namespace AND d.name = q.name
  LEFT JOIN catalog_datasetsymlink s ON d.id IS NULL AND s.namespace = q.namespace AND s.name = q.name
 WHERE coalesce(d.id, s.dataset_id) IS NOT NULL
"""


def lock_datasets(ids: Iterable[int]) -> dict[int, Dataset]:
    """The datasets, locked in the order of their ids, without what is large."""
    rows = (
        Dataset.objects.select_for_update(no_key=True, of=("self",))
        .filter(pk__in=list(ids))
        .select_related("current_version")
        .defer("facets")
        .order_by("pk")
    )
    return {row.pk: row for row in rows}
