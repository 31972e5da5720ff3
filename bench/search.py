"""Search and suggestions over HTTP for one of 10,000 users, beside django-guardian's answer filtered by name.

At 10,000, 100,000 and 1,000,000 datasets (quick: 10,000; `LAKEWARDEN_BENCH_SIZES` says otherwise), in the world of
`bench/lists.py`. Names are of three of 3,000 words, descriptions of eight, five columns each; words are used as unevenly
as real ones, in the data and in the questions, so that a frequent word fits a tenth of all datasets. A page has 20 hits
with snippets, facets and the exact number. Suggestions are asked for two letters of a word up to the whole of it. From
50,000 datasets on a process reads the sets of common words ahead; questions are measured once that is done.
"""

import random
import threading
import time
from typing import Any

from bench._catalog_asking import ROUNDS, Town, measure, sizes, town, uneven
from bench.figures import Figure, figure


def run(*, quick: bool) -> list[Figure]:
    """All sizes, one database each."""
    found: list[Figure] = []
    for size in sizes(quick=quick):
        with town(size) as place:
            name = f"searched words, {place.name}"
            found.append(figure(name, "ms a dataset, in batches of 2,000", [place.words_ms]))
            found.append(_ahead(place))
            found += _questions(place, rounds=40 if quick else ROUNDS)
    return found


def _ahead(place: Town) -> Figure:
    """What a new process reads beside its first questions."""
    from governance.effective.store import STORE

    STORE.forget()
    started = time.perf_counter()
    place.get("search", q=place.world.words[0])
    for thread in threading.enumerate():
        if thread.name == "keep-common-words":
            thread.join()
    spent = time.perf_counter() - started
    sets = len(STORE.postings.kept) + len(STORE.postings.samples)
    name = f"until a new process knows the common words, {place.name}"
    return figure(name, "s", [spent], note=f"{sets} sets")


def _questions(place: Town, *, rounds: int) -> list[Figure]:
    dice, words = random.Random(3), place.world.words

    def suggested() -> None:
        word = uneven(dice, words)
        place.get("search/suggestions", q=word[: dice.randint(2, len(word))])

    def misspelt() -> None:
        word = uneven(dice, words)
        cut = dice.randrange(1, len(word) - 1)
        text = word[:cut] + word[cut + 1] + word[cut] + word[cut + 2 :]
        place.get("search", q=text, page_size=20)

    found = measure(
        f"search, one word, {place.name}",
        lambda: place.get("search", q=uneven(dice, words), page_size=20),
        _guardians(place),
        rounds=rounds,
    )
    found += measure(
        f"search, two words, {place.name}",
        lambda: place.get("search", q=f"{uneven(dice, words)} {uneven(dice, words)}", page_size=20),
        None,
        rounds=rounds,
    )
    found += measure(f"search, one misspelt word, {place.name}", misspelt, None, rounds=rounds)
    return found + measure(f"suggestions, {place.name}", suggested, None, rounds=rounds)


def _guardians(place: Town) -> Any:
    from catalog.models import Dataset
    from governance.object_permissions import get_objects_for_user

    dice = random.Random(3)
    actions = ["catalog.view_dataset", "catalog.read_dataset"]

    def ask() -> Any:
        rows = get_objects_for_user.__wrapped__(place.user, actions, Dataset, any_perm=True)
        return list(rows.filter(name__icontains=uneven(dice, place.world.words))[:20])

    return ask
