"""Reading the sets of common words ahead, beside the questions.

The set of a word that a tenth of a million datasets has takes PostgreSQL as long as many questions together: who asks
for it first would wait. Nobody waits for this: the sets are read outside of the store's lock, and are taken in as
of the moment before they were read, so that every text that changed since is looked at again.
"""

import itertools
import threading
import time
from collections.abc import Iterable, Iterator

import structlog
from django.db import connection

from catalog.queries.search import common_words, lexeme, read_terms
from governance.effective.leaves import read_posting
from governance.effective.postings import SAMPLE, Key
from governance.effective.store import STORE, FactStore

logger = structlog.get_logger(__name__)

# In smaller catalogs every set is read within a few milliseconds.
MANY = 50_000
MOST_WORDS = 1_000
# A word of fewer datasets needs no reading ahead.
COMMON = 2_000
# What is typed first is what most names have.
PREFIXES = (2, 3)
# Seconds before all is read ahead again, where so many texts change that nothing could be kept.
PAUSE = 600.0

_not_before = 0.0


def keep_common_words() -> None:
    """Begin in a thread of its own, where nobody did since all was forgotten; nothing to do for small catalogs."""
    global _not_before  # noqa: PLW0603  # one a process
    living, postings = STORE.living, STORE.postings
    if living is None or postings.is_warmed or len(living.every) < MANY:
        return
    postings.is_warmed = True
    if time.monotonic() >= _not_before:
        _not_before = time.monotonic() + PAUSE
        threading.Thread(target=_run, name="keep-common-words", daemon=True).start()


def _run() -> None:
    try:
        logger.info("common words are kept", sets=read_ahead(STORE))
    except Exception:
        logger.exception("common words could not be kept")
    finally:
        connection.close()


def read_ahead(store: FactStore) -> int:
    """Keep the sets of the most common words, and some names for their first letters; how many. Ends where all is forgotten."""
    words = common_words(at_least=COMMON, limit=MOST_WORDS)
    letters = dict.fromkeys(word[:length] for length in PREFIXES for word in words)
    kept = 0
    for key, most in itertools.chain(
        ((_beginning(each), SAMPLE) for each in letters), ((key, None) for key in _keys(words))
    ):
        if not _keep(store, key, most=most):
            break
        kept += 1
    return kept


def _beginning(word: str) -> Key:
    return "names", lexeme(word, prefix=True)


def _keys(words: Iterable[str]) -> Iterator[Key]:
    """What a search for each word asks."""
    for word in words:
        for query in read_terms(word).wanted:
            yield "words", query
            yield "names", query
            yield "names", lexeme(f"n={word}", prefix=True)
            yield "names", lexeme(f"l={word}")


def _keep(store: FactStore, key: Key, *, most: int | None) -> bool:
    postings, seen = store.ask(
        lambda session: (session.store.postings, len(session.store.postings.changed))
    )
    if key in postings.kept:
        return True
    with connection.cursor() as cursor:
        ids = read_posting(cursor, *key, most=most)
    with store.lock:
        if store.postings is not postings:
            return False
        if most is not None and len(ids) == most:
            postings.keep_sample(key, ids)
        elif key not in postings.kept:
            postings.keep(key, ids, seen=seen)
    return True
