"""Keeping the searched words of datasets equal to what they are made of."""

from collections.abc import Collection

from django.db import connection

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
