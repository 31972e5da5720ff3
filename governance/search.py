"""Search within what the caller may see: ranked, counted, with facets, spelling and suggestions.

Words of names match whatever the caller may discover; all other words match only where they may view the metadata. Every
step is a set operation with what the caller may see, so that what is hidden moves nothing: no hit, count or order. Only
where more words of the dictionary resemble what was typed than are looked at (`MAX_PARTS`, `MAX_COLUMNS`, 20 for
spelling) may words that nobody shows the caller take the place of others; they themselves are never shown.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice

from catalog.models import Dataset
from catalog.queries.search import (
    MAX_OFFSET,
    Terms,
    columns_like,
    count_values,
    lexeme,
    read_terms,
    similar_words,
    snippets,
    starting,
    text_ranks,
    words_of,
)
from governance.effective.ids import FrozenIds, Ids, ids_of
from governance.effective.look import EVERYTHING, Filters, View, ask, view_in
from governance.effective.store import Session
from governance.policy.types import Principal

# Of each tier so many are ordered by how well their words fit; those behind them by age.
MAX_RANKED = 300
# Facets that are not counted over all are counted over so many, evenly spread.
SAMPLE = 250
FACET_SIZE = 50
KINDS = tuple(Dataset._meta.get_field("kind").choices or ())  # noqa: SLF001  # Django's documented Model _meta API
# By name: whole, last part, beginning, some part, and not by name at all.
TIERS = (4.0, 3.0, 2.0, 1.0, 0.0)
SUGGESTIONS = 8
# Of so many times what is shown the shortest names are taken.
CHOICE = 4
MIN_SUGGESTED = 2
# So many names that begin as was typed are looked at, in order, whether the caller may see one of them.
MAX_STARTING = 250
# So many names of columns are looked at, in order, whether the caller may see one that has them.
MAX_COLUMNS = 200


@dataclass(frozen=True, slots=True)
class Hit:
    """One dataset found. `rank` is 4 for the name, 3 for its last part, 2 its beginning, 1 a part of it, and a fraction for text."""

    id: int
    rank: float
    snippet: str
    is_described: bool


@dataclass(frozen=True, slots=True)
class SearchPage:
    """One page of hits and the exact number of all. `estimates` names the facets that were counted over a sample.

    `corrected` is the text that was searched instead, because nothing has the words as they were typed. `found` are the
    ids of all hits.
    """

    hits: list[Hit]
    found: Ids
    total: int
    facets: dict[str, list[tuple[str, int]]]
    estimates: tuple[str, ...]
    corrected: str | None


@dataclass(frozen=True, slots=True)
class _Match:
    view: View
    ids: Ids
    tiers: list[Ids]
    # facets over all that was found
    counts: dict[str, list[tuple[str, int]]]


def search(
    principal: Principal,
    text: str,
    *,
    filters: Filters = EVERYTHING,
    offset: int = 0,
    limit: int = 20,
) -> SearchPage:
    """A page of what matches `text` (everything for an empty one) under `filters`, best first."""
    terms = read_terms(text)
    match = ask(lambda session: _match(session, principal, terms, filters))
    corrected = None
    if not match.ids and terms.words:
        fixed = _correct(principal, terms)
        if fixed is not None:
            terms, corrected = fixed, " ".join(fixed.words)
            match = ask(lambda session: _match(session, principal, fixed, filters))
    facets, estimates = _facets(match)
    return SearchPage(
        hits=_hits(match, terms, offset=offset, limit=limit),
        found=match.ids,
        total=len(match.ids),
        facets=facets,
        estimates=estimates,
        corrected=corrected,
    )


def matching_ids(principal: Principal, text: str, *, filters: Filters = EVERYTHING) -> View:
    """The caller's view, narrowed to what matches `text`; no spelling."""
    terms = read_terms(text)

    def matching(session: Session) -> View:
        view = view_in(session, principal, filters)
        return replace(view, found=_found(session, view, terms)[1])

    return ask(matching)


def _match(session: Session, principal: Principal, terms: Terms, filters: Filters) -> _Match:
    view = view_in(session, principal, filters)
    by_name, found = _found(session, view, terms)
    return _Match(
        view=view,
        ids=found,
        tiers=_tiers(session, terms, found, by_name) if terms.wanted else [],
        counts={
            "kind": _kinds(session, found),
            "domain": _domains(session, found),
            "namespace": _namespaces(session, found),
        },
    )


def _found(session: Session, view: View, terms: Terms) -> tuple[Ids, Ids]:
    """What matches by name, and all that matches."""
    if not terms.text.strip():
        return view.found, view.found
    if not terms.wanted:
        return ids_of(()), ids_of(())
    by_name = _all(session, "names", terms.wanted, within=view.found)
    found = by_name | _all(session, "words", terms.wanted, within=view.found & view.described)
    for query in terms.unwanted:
        found -= session.posting("names", query)
        found -= session.posting("words", query) & view.described
    return by_name, found


def _all(session: Session, column: str, queries: Iterable[str], *, within: Ids) -> Ids:
    found = within
    for query in queries:
        found = found & session.posting(column, query)  # type: ignore[arg-type]
    return found


def _tiers(session: Session, terms: Terms, found: Ids, by_name: Ids) -> list[Ids]:
    """`found` in five parts, best first."""
    tiers, rest = [], found
    for part in _by_whole_name(session, terms.text.strip()[:400], found & by_name):
        tier = rest & part
        tiers.append(tier)
        rest = rest - tier
    return [*tiers, rest & by_name, rest - by_name]


def _by_whole_name(session: Session, text: str, among: Ids) -> list[Ids]:
    """Whose name is `text`, whose last part is, and whose name begins so: each asked only where something may be.

    INVARIANT: `among` holds all that have the words of `text` in their names, so that no other can be named so.
    """
    if not among:
        return [among, among, among]
    begun = among & session.posting("names", lexeme(f"n={text}", prefix=True))
    whole = begun & session.posting("names", lexeme(f"n={text}")) if begun else begun
    return [whole, among & session.posting("names", lexeme(f"l={text}")), begun]


def _hits(match: _Match, terms: Terms, *, offset: int, limit: int) -> list[Hit]:
    wanted = slice(offset, min(offset + limit, MAX_OFFSET))
    ranked = _ranked(match, terms, until=wanted.stop)
    page = list(islice(ranked, wanted.start, wanted.stop))
    described = match.view.described
    words = snippets([key for key, _ in page if key in described], terms.every)
    return [Hit(key, rank, words.get(key, ""), key in described) for key, rank in page]


def _ranked(match: _Match, terms: Terms, *, until: int) -> Iterator[tuple[int, float]]:
    """Ids and ranks, best first; no more is looked at than `until` needs."""
    if not match.tiers:
        yield from ((key, 0.0) for key in match.ids)
        return
    heads: list[list[int]] = []
    passed = 0
    for tier in match.tiers:
        heads.append(list(islice(tier, MAX_RANKED)) if passed < until else [])
        passed += len(tier)
    described = match.view.described
    fits = text_ranks([key for head in heads for key in head if key in described], terms.every)
    for base, tier, head in zip(TIERS, match.tiers, heads, strict=True):
        head.sort(key=lambda key: (-fits.get(key, 0.0), key))
        yield from ((key, base + fits.get(key, 0.0)) for key in head)
        yield from ((key, base) for key in islice(tier, MAX_RANKED, None))


def _facets(match: _Match) -> tuple[dict[str, list[tuple[str, int]]], tuple[str, ...]]:
    """Kinds, domains and namespaces over all that was found; tags and owners over all or over an even sample."""
    every = match.ids.to_array()
    step = max(1, len(every) // SAMPLE)
    sample = list(every[::step])
    counted = (
        count_values(sample, described=[key for key in sample if key in match.view.described])
        if sample
        else {"tag": [], "owner": []}
    )
    scale = len(every) / len(sample) if sample else 1.0
    facets = match.counts | {
        name: [(value, round(count * scale)) for value, count in counts[:FACET_SIZE]]
        for name, counts in counted.items()
    }
    return facets, tuple(sorted(counted)) if step > 1 else ()


def _kinds(session: Session, found: Ids) -> list[tuple[str, int]]:
    kinds = ((kind, session.leaf("kind", kind)) for kind, _ in KINDS)
    return _most((kind, found.intersection_cardinality(ids)) for kind, ids in kinds)


def _domains(session: Session, found: Ids) -> list[tuple[str, int]]:
    slugs = {each.id: each.path.rpartition("/")[2] for each in session.facts.domains.values()}
    counts = session.living.domains.count(found).items()
    return _most((slugs[key], count) for key, count in counts if key in slugs)[:FACET_SIZE]


def _namespaces(session: Session, found: Ids) -> list[tuple[str, int]]:
    return _most(session.living.namespaces.count(found).items())[:FACET_SIZE]


def _most(counts: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    return sorted(((v, n) for v, n in counts if n), key=lambda pair: (-pair[1], pair[0]))


def _correct(principal: Principal, terms: Terms) -> Terms | None:
    """The text with each word that nothing visible has replaced by the most alike that something visible has."""
    fixed: list[str] = []
    for word, query in zip(terms.words, terms.wanted, strict=True):
        if _first_seen(principal, {word: query}) is not None:
            fixed.append(word)
            continue
        better = _first_seen(principal, {each: lexeme(each) for each in similar_words(word)})
        if better is None:
            return None
        fixed.append(better)
    return read_terms(" ".join(fixed)) if tuple(fixed) != terms.words else None


def _first_seen(principal: Principal, queries: Mapping[str, str]) -> str | None:
    """The first of these words, each with its tsquery, that the caller may know of."""

    def seen(session: Session) -> str | None:
        view = view_in(session, principal, EVERYTHING)
        for word, query in queries.items():
            if not view.visible.isdisjoint(session.posting("names", query)):
                return word
            if not view.described.isdisjoint(session.posting("words", query)):
                return word
        return None

    return ask(seen)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What the text may become: a dataset (with its UUID), a column or a tag."""

    kind: str
    text: str
    uuid: str | None = None


def suggest(principal: Principal, text: str, *, limit: int = SUGGESTIONS) -> list[Suggestion]:
    """Datasets, columns and tags that begin with `text`, of those that the caller may know of; none below two letters."""
    typed = text.strip().lower()[:400]
    if len(typed) < MIN_SUGGESTED:
        return []
    names = columns_like(typed, limit=MAX_COLUMNS)
    first = starting(typed, limit=MAX_STARTING)
    ids, columns, tags = ask(
        lambda session: (
            _suggested_ids(session, principal, typed, first=first, limit=limit),
            _seen(session, principal, "c=", names, limit=limit),
            _seen(session, principal, "t=", _tags_like(session, typed), limit=limit),
        )
    )
    return [
        *_suggested_datasets(ids, typed, limit=limit),
        *(Suggestion("column", name) for name in columns),
        *(Suggestion("tag", name) for name in tags),
    ]


def _suggested_ids(
    session: Session, principal: Principal, typed: str, *, first: list[int], limit: int
) -> list[int]:
    """Those of `first` (whose names begin so), then those of which the last part is so or a word of the name begins so."""
    visible = view_in(session, principal, EVERYTHING).visible
    most = CHOICE * limit
    found = [key for key in first if key in visible][:most]
    for query in (lexeme(f"l={typed}"), _beginning(typed)):
        if query and len(found) < limit:
            fitting = session.some_fitting("names", query, among=visible, count=most)
            found += [key for key in fitting if key not in found]
    return found[:most]


def _beginning(typed: str) -> str:
    """The tsquery of what was typed, the last word perhaps not yet whole; "" where there is no word."""
    *whole, last = words_of(typed) or [""]
    return " & ".join([*map(lexeme, whole), lexeme(last, prefix=True)]) if last else ""


def _suggested_datasets(ids: list[int], typed: str, *, limit: int) -> list[Suggestion]:
    """The best of `ids`, in their order and the shortest names first, as far as the names still are so."""
    *whole, last = words_of(typed) or [""]
    rows = Dataset.objects.live().filter(pk__in=ids).values_list("name", "uuid", "pk")
    fitting = []
    for name, uuid, key in rows:
        words = words_of(name)
        if name.lower().startswith(typed) or (
            last and {*whole} <= {*words} and any(each.startswith(last) for each in words)
        ):
            fitting.append((ids.index(key) >= limit, len(name), name, key, str(uuid)))
    return [Suggestion("dataset", name, uuid) for *_, name, _, uuid in sorted(fitting)[:limit]]


def _tags_like(session: Session, typed: str) -> list[str]:
    return sorted(name for name in session.tags if name.startswith(typed))


def _seen(
    session: Session, principal: Principal, sign: str, names: Iterable[str], *, limit: int
) -> list[str]:
    """The first of `names` that a dataset bears whose metadata the caller may view."""
    described: FrozenIds = view_in(session, principal, EVERYTHING).described
    seen = (
        name
        for name in names
        if session.some_fitting("words", lexeme(f"{sign}{name}"), among=described, count=1)
    )
    return list(islice(seen, limit))


__all__ = ["Hit", "SearchPage", "Suggestion", "matching_ids", "search", "suggest"]
