"""Lists and exact counts over HTTP for one of 10,000 users, beside django-guardian's own answer.

At 10,000, 100,000 and 1,000,000 datasets (quick: 10,000; `LAKEWARDEN_BENCH_SIZES` says otherwise): 1,000 groups, the
user in five of them, three grants a dataset up to 3,000,000, 200 domains, as `bench/_catalog_world.py` fills them. The
whole handler runs through Django's test client, PostgreSQL included; a page has 50 rows with owners and tags. The peer
answers which datasets a user's own and group permissions give (`get_objects_for_user`); it knows no domains, policies
or expiry.
"""

import random
import time
from typing import Any

from bench._catalog_asking import ROUNDS, Town, measure, sizes, town
from bench.figures import Figure, figure


def run(*, quick: bool) -> list[Figure]:
    """All sizes, one database each."""
    found: list[Figure] = []
    for size in sizes(quick=quick):
        with town(size) as place:
            found += [*_first(place), *_pages(place, rounds=40 if quick else ROUNDS)]
    return found


def _first(place: Town) -> list[Figure]:
    """What a process does once, at the first question of this user."""
    from governance.effective.look import look
    from governance.effective.store import STORE
    from governance.queries import principal_of

    STORE.forget()
    started = time.perf_counter()
    visible = len(look(principal_of(place.user)).found)
    spent = (time.perf_counter() - started) * 1000
    name = f"first question of a process, {place.name}"
    return [figure(name, "ms", [spent], note=f"{visible} datasets visible")]


def _pages(place: Town, *, rounds: int) -> list[Figure]:
    from catalog.models import Dataset
    from governance.effective.look import look
    from governance.effective.pages import page_rows
    from governance.object_permissions import get_objects_for_user
    from governance.queries import principal_of

    dice, words = random.Random(3), place.world.words
    domains = [f"{words[n]}-{n}" for n in range(1, 200)]
    principal = principal_of(place.user)

    def by_name() -> None:
        rows = page_rows(look(principal).found, order="name", count=51)
        list(rows.order_by("name", "pk").values_list("pk", flat=True)[:51])

    def guardians() -> Any:
        actions = ["catalog.view_dataset", "catalog.read_dataset"]
        return get_objects_for_user.__wrapped__(place.user, actions, Dataset, any_perm=True)

    found = measure(
        f"first page, {place.name}",
        lambda: place.get("catalog/datasets"),
        lambda: list(guardians().order_by("pk")[:50]),
        rounds=rounds,
    )
    found += measure(
        f"first page, one domain and kind, {place.name}",
        lambda: place.get("catalog/datasets", domain=dice.choice(domains), kind="table"),
        None,
        rounds=rounds,
    )
    found += measure(f"keys of the first page by name, {place.name}", by_name, None, rounds=rounds)
    return found + measure(
        f"exact count, {place.name}",
        lambda: len(look(principal).found),
        lambda: guardians().count(),
        rounds=rounds,
    )
