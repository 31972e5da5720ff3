"""Keeping the searched words of datasets equal to what they are made of."""

from collections.abc import Collection, Iterator

from django.db import connection, transaction

from catalog.models import Dataset
from core import audit

BATCH = 2_000


def refresh_search_text(dataset_ids: Collection[int]) -> None:
    """Rewrite the searched words of these datasets from names, fields, tags, terms and owners; one statement for 2,000.

    Called in the transaction of the change, so that the next query finds it. A function of the database (migration 0013)
    writes them, since triggers call it, too: where a user or a group that owns datasets is renamed or removed.
    """
    ids = sorted(dataset_ids)
    with connection.cursor() as cursor:
        for start in range(0, len(ids), BATCH):
            batch = ids[start : start + BATCH]
            cursor.execute("SELECT catalog_refresh_search_words(%s::bigint[])", [batch])


def reindex(*, actor: str) -> Iterator[int]:
    """Make the searched words of all datasets anew, 2,000 in a transaction, so that nobody waits long; yields how many are done.

    Needed after a restore of single tables or changes by hand in SQL; interrupted, it is begun again.
    """
    done, last = 0, 0
    while True:
        keys = Dataset.objects.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)
        batch = list(keys[:BATCH])
        if not batch:
            break
        with transaction.atomic():
            refresh_search_text(batch)
        done, last = done + len(batch), batch[-1]
        yield done
    audit.record(
        actor=actor, action="catalog.reindex", resource="catalog", payload={"datasets": done}
    )
