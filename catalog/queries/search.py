"""Search in SQL: what a text asks for, which datasets have a word, how well they fit, and the words around the match.

Nothing here knows who asks: `governance.search` puts these parts together within what the caller may see.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet

from catalog.models import Dataset, DatasetTag, FieldTag

MAX_QUERY = 300
MAX_OFFSET = 5_000
MAX_TERMS = 8
# How many words of the dictionary may stand for a part of a word.
MAX_PARTS = 500
MIN_PART = 3
MAX_WORD = 200
MAX_SNIPPET = 4_000
# Around each match; not markup, so that whoever renders the text may escape it whole.
MARK_START, MARK_STOP = "«", "»"

_WORDS = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Terms:
    """What a text asks for. Each of `wanted` and `unwanted` is a tsquery; `words` are the wanted ones as they were typed."""

    text: str
    words: tuple[str, ...]
    wanted: tuple[str, ...]
    unwanted: tuple[str, ...]

    @property
    def every(self) -> str:
        """All that is wanted, as one tsquery."""
        return " & ".join(f"({each})" for each in self.wanted)


def words_of(text: str) -> list[str]:
    """The plain words of a text. INVARIANT: `catalog_refresh_search_words` (migration 0013) splits and cuts alike."""
    return [word[:MAX_WORD] for word in _WORDS.findall(text.lower())]


def read_terms(text: str) -> Terms:
    """Words, of which each may begin or be part of a longer one; one behind a minus must not be there.

    One query of the dictionary for each word of three letters and more.
    """
    wanted, unwanted = [], []
    for piece in text.split():
        words = words_of(piece)
        if piece.startswith("-") and len(piece) > 1:
            unwanted += [lexeme(each) for each in words]
        else:
            wanted += words
    kept = tuple(dict.fromkeys(wanted))[:MAX_TERMS]
    return Terms(
        text=text.lower(),
        words=kept,
        wanted=tuple(_query_of(each) for each in kept),
        unwanted=tuple(unwanted[:MAX_TERMS]),
    )


def lexeme(text: str, *, prefix: bool = False) -> str:
    """`text` as a tsquery of one lexeme, or of all that begin so."""
    quoted = text.replace("\\", "\\\\").replace("'", "''")
    return f"'{quoted}'{':*' if prefix else ''}"


def _query_of(word: str) -> str:
    longer = longer_words(word) if len(word) >= MIN_PART else []
    return " | ".join([lexeme(word, prefix=True), *map(lexeme, longer)])


def longer_words(part: str) -> list[str]:
    """Words of the dictionary that have `part` inside, shortest first; not those that begin with it."""
    return _words(
        "SELECT word FROM catalog_searchword WHERE role = 1 AND word LIKE %s AND word NOT LIKE %s"
        " GROUP BY word ORDER BY length(word), word LIMIT %s",
        [f"%{part}%", f"{part}%", MAX_PARTS],
    )


def similar_words(word: str, *, limit: int = 20) -> list[str]:
    """Words of the dictionary spelt much like `word`, most alike first."""
    return _words(
        "SELECT word FROM catalog_searchword WHERE role = 1 AND word %% %s"
        " GROUP BY word ORDER BY similarity(word, %s) DESC, word LIMIT %s",
        [word, word, limit],
    )


def common_words(*, at_least: int, limit: int) -> list[str]:
    """Plain words that about so many datasets have or more, most common first, as the last ANALYZE found them."""
    return _words(
        """
SELECT word FROM pg_stats s, pg_class c,
       unnest(s.most_common_elems::text::text[], s.most_common_elem_freqs) AS e (word, share)
 WHERE s.tablename = 'catalog_searchentry' AND s.attname = 'words' AND s.schemaname = current_schema()
   AND c.oid = 'catalog_searchentry'::regclass AND share * c.reltuples >= %s AND word ~ '^[[:alnum:]]+$'
 ORDER BY share DESC LIMIT %s
""",
        [at_least, limit],
    )


def starting(prefix: str, *, limit: int) -> list[int]:
    """Datasets whose whole name begins with `prefix` (lower case), in the order of their names; one index range.

    Under a collation that orders otherwise than by code point some may be missing.
    """
    with connection.cursor() as cursor:
        # No condition but the range: the planner takes any other for a rare one, and would read and sort them all.
        cursor.execute(
            "SELECT id, lower(name) FROM catalog_dataset WHERE lower(name) BETWEEN %s AND %s"
            " AND deleted_at IS NULL ORDER BY lower(name) LIMIT %s",
            [prefix, f"{prefix}\U0010ffff", limit],
        )
        return [key for key, name in cursor.fetchall() if name.startswith(prefix)]


def columns_like(prefix: str, *, limit: int, after: str = "") -> list[str]:
    """Names of columns that begin with `prefix`, in order, behind `after`."""
    return _words(
        "SELECT word FROM catalog_searchword WHERE role = 2 AND word LIKE %s AND word > %s"
        ' COLLATE "C" GROUP BY word ORDER BY word COLLATE "C" LIMIT %s',
        [f"{_escaped(prefix)}%", after, limit],
    )


def _escaped(text: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", text)


def _words(sql: str, params: Sequence[Any]) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return [row[0] for row in cursor.fetchall()]


def text_ranks(ids: Collection[int], query: str) -> dict[int, float]:
    """How well the words of these datasets fit `query` (a tsquery), from 0 to 1; one query."""
    if not ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT dataset_id, ts_rank(words, %s::tsquery)::float8 FROM catalog_searchentry"
            " WHERE dataset_id = ANY(%s)",
            [query, list(ids)],
        )
        return dict(cursor.fetchall())


_SNIPPETS = """
SELECT d.id, ts_headline('simple', left(concat_ws(' ', d.description,
           (SELECT string_agg(f.name, ' ' ORDER BY f.ordinal, f.id) FROM catalog_field f
             WHERE f.dataset_id = d.id AND f.removed_at IS NULL),
           (SELECT string_agg(t.name, ' ' ORDER BY t.name) FROM catalog_datasettag dt JOIN catalog_tag t ON t.id = dt.tag_id
             WHERE dt.dataset_id = d.id),
           (SELECT string_agg(g.name, ' ' ORDER BY g.name) FROM catalog_datasetterm dg JOIN catalog_glossaryterm g ON g.id = dg.term_id
             WHERE dg.dataset_id = d.id)), %(most)s), %(query)s::tsquery, %(options)s)
  FROM catalog_dataset d WHERE d.id = ANY(%(ids)s)
"""
_OPTIONS = (
    f"StartSel={MARK_START}, StopSel={MARK_STOP}, MaxWords=18, MinWords=6, MaxFragments=2,"
    ' FragmentDelimiter=" … "'
)


def snippets(ids: Collection[int], query: str) -> dict[int, str]:
    """The words around the matches of `query` in description, columns and tags; one query."""
    if not ids or not query:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            _SNIPPETS,
            {"ids": list(ids), "query": query, "most": MAX_SNIPPET, "options": _OPTIONS},
        )
        return dict(cursor.fetchall())


def tagged(described: QuerySet[Dataset], tag: str) -> QuerySet[Dataset]:
    """Those that bear the tag themselves or on a present field, of datasets whose metadata the caller may view."""
    with_field = Q(fields__removed_at=None, fields__field_tags__tag__name=tag)
    bearing = Dataset.objects.filter(Q(dataset_tags__tag__name=tag) | with_field)
    return described.filter(pk__in=bearing.values("pk"))


_COUNTS = """
SELECT 'owner', CASE WHEN o.group_id IS NULL THEN 'user:' || u.username ELSE 'group:' || g.name END, count(*)
  FROM catalog_datasetowner o LEFT JOIN identity_user u ON u.id = o.user_id
  LEFT JOIN auth_group g ON g.id = o.group_id WHERE o.dataset_id = ANY(%(ids)s) GROUP BY 2
UNION ALL
SELECT 'tag', t.name, count(DISTINCT b.dataset_id) FROM (
       SELECT tag_id, dataset_id FROM catalog_datasettag WHERE dataset_id = ANY(%(described)s)
       UNION ALL
       SELECT ft.tag_id, f.dataset_id FROM catalog_field f JOIN catalog_fieldtag ft ON ft.field_id = f.id
        WHERE f.dataset_id = ANY(%(described)s) AND f.removed_at IS NULL
  ) b JOIN catalog_tag t ON t.id = b.tag_id GROUP BY 2
"""


def count_values(
    ids: Collection[int], *, described: Collection[int]
) -> dict[str, list[tuple[str, int]]]:
    """How many of `ids` have each owner, and of `described` bear each tag; most first; one query."""
    found: dict[str, list[tuple[str, int]]] = {"tag": [], "owner": []}
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, {"ids": list(ids), "described": list(described)})
        for name, value, count in cursor.fetchall():
            found[name].append((value, count))
    for counts in found.values():
        counts.sort(key=lambda pair: (-pair[1], pair[0]))
    return found


def tag_counts(datasets: QuerySet[Dataset]) -> list[tuple[str, int]]:
    """(tag, datasets that bear it themselves or on a present field), most used first; two queries."""
    keys = datasets.order_by().values("pk")
    bearers: dict[str, set[int]] = {}
    of_datasets = DatasetTag.objects.filter(dataset__in=keys).values_list("tag__name", "dataset_id")
    of_fields = (
        FieldTag.objects.filter(field__dataset__in=keys, field__removed_at=None)
        .values_list("tag__name", "field__dataset_id")
        .distinct()
    )
    pairs: Iterable[tuple[str, int]] = [*of_datasets, *of_fields]
    for name, dataset_id in pairs:
        bearers.setdefault(name, set()).add(dataset_id)
    counts = [(name, len(ids)) for name, ids in bearers.items()]
    return sorted(counts, key=lambda pair: (-pair[1], pair[0]))
