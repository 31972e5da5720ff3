"""What is told already: sets of facets of a dataset or a job whose every word still holds.

An event that tells the same again changes nothing but the time of it: only the telling's stamp is raised, one narrow
row, and the wide row with the facets is neither read nor written. The stamp of a facet, by which the order of
arrival is made not to matter (`catalog.lineage.stamps`), is the greatest of its own and of the tellings that name it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from catalog.services.openlineage.sql import RoundTrip, fetch, send

# More ways to tell of one dataset than it has producers; older ones are folded into the facets' own stamps.
MAX_TELLINGS = 16
# Between names on their way into an array (`chr(31)` in SQL): no facet is called so.
SEPARATOR = "\x1f"


@dataclass(frozen=True, slots=True)
class Subject:
    """A table of tellings."""

    table: str
    column: str


DATASET = Subject("catalog_datasettelling", "dataset_id")
JOB = Subject("catalog_jobtelling", "job_id")


@dataclass(slots=True)
class Telling:
    """A set of facets as one event told it: in force for the facets `names` if `holds`."""

    hash: bytes
    stamp: str
    names: list[str] = field(default_factory=list)
    holds: bool = False

    def over(
        self, told: Mapping[str, Any], *, facets: Mapping[str, Any], stamps: Mapping[str, str]
    ) -> "Telling":
        """Judge it against the merged facets: each must have the told value, or a word of higher rank over it."""
        names = []
        for name, value in told.items():
            if SEPARATOR in name:
                return self
            is_deleted = isinstance(value, Mapping) and value.get("_deleted") is True
            same = name not in facets if is_deleted else facets.get(name) == value
            outranked = stamps.get(name, "")[:1] > self.stamp[:1]
            if outranked:
                continue
            if not same:
                return self
            names.append(name)
        self.names, self.holds = names, True
        return self


@dataclass(slots=True)
class Told:
    """The stored tellings of some subjects, and what is to become of them."""

    rows: dict[int, dict[bytes, Telling]]
    dropped: set[tuple[int, bytes]] = field(default_factory=set)
    kept: dict[tuple[int, bytes], Telling] = field(default_factory=dict)

    def fold_into(self, subject_id: int, stamps: dict[str, str]) -> None:
        """Raise the stamps of single facets to those of the tellings that name them."""
        for telling in self.rows.get(subject_id, {}).values():
            for name in telling.names:
                if stamps.get(name, "") < telling.stamp:
                    stamps[name] = telling.stamp

    def settle(
        self, subject_id: int, *, changed: Collection[str], tellings: Collection[Telling]
    ) -> None:
        """Drop those that name what changed, and keep those of `tellings` that hold."""
        stored = self.rows.get(subject_id, {})
        gone = {key for key, each in stored.items() if not set(changed).isdisjoint(each.names)}
        left = sorted((each.stamp, key) for key, each in stored.items() if key not in gone)
        new = {each.hash: each for each in tellings if each.holds}
        room = max(MAX_TELLINGS - len(new), 0)
        gone |= {key for _, key in left[: max(len(left) - room, 0)]}
        self.dropped |= {(subject_id, key) for key in gone if key not in new}
        for key, each in new.items():
            known = self.kept.get((subject_id, key))
            if known is None or known.stamp < each.stamp:
                self.kept[subject_id, key] = each

    def drop_all(self, subject_id: int) -> None:
        """Nothing is told of it any more."""
        self.dropped |= {(subject_id, key) for key in self.rows.get(subject_id, {})}


def fold(subject: Subject, ids: Collection[int]) -> Told:
    """The stored tellings of these subjects, whose rows the caller has locked."""
    rows: dict[int, dict[bytes, Telling]] = {}
    for subject_id, digest, stamp, names in fetch(
        f"SELECT {subject.column}, hash, stamp, names FROM {subject.table}"  # noqa: S608 - constants
        f" WHERE {subject.column} = ANY(%s::bigint[])",
        [sorted(ids)],
    ):
        rows.setdefault(subject_id, {})[bytes(digest)] = Telling(
            bytes(digest), stamp, list(names), holds=True
        )
    return Told(rows)


def raise_stamps(
    subject: Subject,
    raised: Mapping[tuple[int, bytes], str],
    *,
    known: Mapping[tuple[int, bytes], str],
    writes: RoundTrip,
) -> None:
    """Raise the stamps of tellings that were told again, later."""
    later = sorted(key for key, stamp in raised.items() if stamp > known[key])
    if later:
        writes.send(
            f"UPDATE {subject.table} t SET stamp = q.stamp"  # noqa: S608 - constants
            " FROM unnest(%s::bigint[], %s::bytea[], %s::text[]) AS q (id, hash, stamp)"
            f" WHERE t.{subject.column} = q.id AND t.hash = q.hash",
            [
                [key[0] for key in later],
                [key[1] for key in later],
                [raised[key] for key in later],
            ],
        )


def keep_tellings(subject: Subject, told: Told) -> None:
    """Write what `settle` decided."""
    gone = sorted(told.dropped - told.kept.keys())
    if gone:
        send(
            f"DELETE FROM {subject.table} t USING unnest(%s::bigint[], %s::bytea[]) AS q (id, hash)"  # noqa: S608
            f" WHERE t.{subject.column} = q.id AND t.hash = q.hash",
            [[key[0] for key in gone], [key[1] for key in gone]],
        )
    if told.kept:
        kept = sorted(told.kept.items())
        send(
            f"INSERT INTO {subject.table} ({subject.column}, hash, stamp, names)"  # noqa: S608 - constants
            " SELECT id, hash, stamp, string_to_array(names, chr(31))"
            " FROM unnest(%s::bigint[], %s::bytea[], %s::text[], %s::text[]) AS q (id, hash, stamp, names)"
            f" ON CONFLICT ({subject.column}, hash) DO UPDATE SET stamp = greatest({subject.table}.stamp, excluded.stamp),"
            " names = excluded.names",
            [
                [key[0] for key, _ in kept],
                [key[1] for key, _ in kept],
                [each.stamp for _, each in kept],
                [SEPARATOR.join(each.names) for _, each in kept],
            ],
        )
