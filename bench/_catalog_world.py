"""A catalog of any size with users, groups, grants, tags and owners, as rows: for benchmarks of lists and of search.

Names are made of about 3,000 words that are used as unevenly as real ones. Of all grants four in five are to groups; each
group also holds three domains. The datasets of one schema lie in one domain. Seeded: the same size is the same world.
"""

import random
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

USERS, GROUPS, GROUPS_A_USER, DOMAINS, TAGS, WORDS = 10_000, 1_000, 5, 200, 120, 3_000
MAX_GRANTS = 3_000_000
NOW = "2026-01-01T00:00:00Z"
FIRST = 100  # of the users' ids; those below are there already
FILLED = (
    "identity_user",
    "identity_user_groups",
    "catalog_domain",
    "catalog_tag",
    "catalog_dataset",
    "catalog_field",
    "catalog_datasettag",
    "catalog_datasetowner",
    "governance_datasetgroupgrant",
    "governance_datasetusergrant",
    "governance_domaingroupgrant",
)


@dataclass(frozen=True)
class World:
    """What was made. `user` is an ordinary member of five groups."""

    datasets: int
    grants: int
    words: list[str]
    columns: list[str]
    user: int


def build(cursor: Any, *, datasets: int, say: Callable[[str], None] = print) -> World:
    """Fill an empty database; triggers do not fire, so what follows from rows (search) is left to the caller."""
    dice = random.Random(7)
    words = _words(dice)
    columns = [f"{dice.choice(words[:400])}_{dice.choice(words[:200])}" for _ in range(2_000)]
    users, groups = min(USERS, 10 * datasets), GROUPS
    grants = min(MAX_GRANTS, 3 * datasets)
    for table in FILLED:
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    try:
        _people(cursor, dice, users=users, groups=groups)
        _domains(cursor, words)
        say(f"{datasets} datasets")
        _datasets(cursor, dice, datasets, words)
        say("fields, tags, owners")
        _parts(cursor, dice, datasets, columns, users=users)
        say(f"{grants} grants")
        _grants(cursor, dice, datasets, grants, users=users, groups=groups)
    finally:
        for table in FILLED:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
    cursor.execute("ANALYZE")
    return World(datasets, grants, words, columns, user=FIRST + users // 2)


def _words(dice: random.Random) -> list[str]:
    starts, ends = (
        [
            "b",
            "br",
            "c",
            "ch",
            "d",
            "f",
            "fl",
            "g",
            "h",
            "k",
            "l",
            "m",
            "n",
            "p",
            "r",
            "s",
            "st",
            "t",
            "tr",
            "v",
        ],
        ["n", "r", "s", "l", "t", "m", "nd", "x"],
    )
    found: dict[str, None] = {}
    while len(found) < WORDS:
        parts = (dice.choice(starts) + dice.choice("aeiou") for _ in range(dice.randint(2, 3)))
        found["".join(parts) + dice.choice(ends)] = None
    return list(found)


def _uneven(dice: random.Random, items: list[Any]) -> Any:
    return items[int(len(items) * dice.random() ** 3)]


def _copy(cursor: Any, table: str, columns: str, rows: Iterable[tuple[Any, ...]]) -> None:
    with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _people(cursor: Any, dice: random.Random, *, users: int, groups: int) -> None:
    _copy(cursor, "auth_group", "id, name", ((n, f"group{n}") for n in range(1, groups + 1)))
    _copy(
        cursor,
        "identity_user",
        "id, username, password, first_name, last_name, email, is_superuser, is_staff, is_active,"
        " date_joined, attributes, is_service, session_generation",
        (
            (n, f"user{n}", "!", "", "", "", False, False, True, NOW, "{}", False, 0)
            for n in range(FIRST, FIRST + users)
        ),
    )
    _copy(
        cursor,
        "identity_user_groups",
        "user_id, group_id",
        (
            (n, group)
            for n in range(FIRST, FIRST + users)
            for group in dice.sample(range(1, groups + 1), GROUPS_A_USER)
        ),
    )


def _domains(cursor: Any, words: list[str]) -> None:
    _copy(
        cursor,
        "catalog_domain",
        "id, name, slug, description, parent_id",
        (
            (n, f"{words[n]} {n}", f"{words[n]}-{n}", "", None if n <= 20 else (n - 1) // 10 + 1)
            for n in range(1, DOMAINS + 1)
        ),
    )
    _copy(
        cursor,
        "catalog_tag",
        "id, name, description",
        ((n, f"{words[n]}.{words[-n]}", "") for n in range(1, TAGS + 1)),
    )


def _datasets(cursor: Any, dice: random.Random, count: int, words: list[str]) -> None:
    schemas = [f"{_uneven(dice, words)}_{n}" for n in range(600)]

    def rows() -> Iterator[tuple[Any, ...]]:
        for n in range(1, count + 1):
            place = int(len(schemas) * dice.random() ** 2)
            name = f"{schemas[place]}.{_uneven(dice, words)}_{_uneven(dice, words)}_{n}"
            said = " ".join(_uneven(dice, words) for _ in range(8))
            kind = ("table", "table", "table", "view", "topic", "fileset")[n % 6]
            yield (n, uuid.UUID(int=n), f"warehouse{place % 40}", name, kind, "structured", "", said,
                   place % DOMAINS + 1, "{}", False, "{}", "{}", 0, NOW, NOW)  # fmt: skip

    _copy(
        cursor,
        "catalog_dataset",
        "id, uuid, namespace, name, kind, structure, media_type, description, domain_id,"
        " properties, declared, facets, facet_stamps, names_epoch, created_at, updated_at",
        rows(),
    )
    cursor.execute("SELECT setval('catalog_dataset_id_seq', %s)", [count])


def _parts(cursor: Any, dice: random.Random, count: int, columns: list[str], *, users: int) -> None:
    def fields() -> Iterator[tuple[Any, ...]]:
        for n in range(5 * count):
            owner, place = n // 5 + 1, n % 5
            name = columns[(int(len(columns) * dice.random() ** 3) // 5 * 5 + place) % len(columns)]
            yield (
                n + 1,
                uuid.UUID(int=n + 1),
                owner,
                f"{name}{place}",
                "string",
                "",
                place,
                True,
                "{}",
                NOW,
            )

    _copy(
        cursor,
        "catalog_field",
        "id, uuid, dataset_id, name, type, description, ordinal, nullable, statistics, created_at",
        fields(),
    )
    _copy(
        cursor,
        "catalog_datasettag",
        "dataset_id, tag_id, source, created_at",
        ((n, 1 + int(TAGS * dice.random() ** 2), "declared", NOW) for n in range(1, count + 1, 2)),
    )
    _copy(
        cursor,
        "catalog_datasetowner",
        "dataset_id, user_id, group_id",
        ((n, FIRST + dice.randrange(users), None) for n in range(1, count + 1, 2)),
    )


def _grants(
    cursor: Any, dice: random.Random, datasets: int, count: int, *, users: int, groups: int
) -> None:
    cursor.execute(
        "SELECT p.codename, p.id FROM auth_permission p WHERE p.codename IN"
        " ('view_dataset', 'read_dataset', 'view_domain')"
    )
    permission = dict(cursor.fetchall())

    def rows(
        first: int, subjects: int, many: int, targets: int, codename: str
    ) -> Iterator[tuple[Any, ...]]:
        for n in range(many):
            right = permission[
                "read_dataset" if codename == "view_dataset" and n % 4 == 0 else codename
            ]
            yield (uuid.uuid4(), "", NOW, dice.randint(1, targets), right, first + n % subjects)

    shared = "uuid, purpose, granted_at, content_object_id, permission_id"
    for table, subject, first, many, subjects, targets, codename in (
        (
            "governance_datasetgroupgrant",
            "group_id",
            1,
            count * 4 // 5,
            groups,
            datasets,
            "view_dataset",
        ),
        (
            "governance_datasetusergrant",
            "user_id",
            FIRST,
            count // 5,
            users,
            datasets,
            "view_dataset",
        ),
        ("governance_domaingroupgrant", "group_id", 1, 3 * groups, groups, DOMAINS, "view_domain"),
    ):
        _copy(cursor, table, f"{shared}, {subject}", rows(first, subjects, many, targets, codename))
