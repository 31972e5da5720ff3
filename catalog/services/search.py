"""Keeping the searched text of datasets equal to what it is made of."""

from collections.abc import Collection

from django.db import connection

# PostgreSQL refuses a tsvector above 1 MiB; names of 10,000 fields stay well below this.
MAX_SEARCH_TEXT = 400_000

# The parts of dotted and slashed names are added, since the parser of PostgreSQL keeps `raw.flights` as one word.
REFRESH_SEARCH_TEXT = """
WITH fresh AS (
    SELECT d.id, left(concat_ws(' ',
        regexp_replace(d.namespace || ' ' || d.name, '[^[:alnum:]]+', ' ', 'g'),
        (SELECT string_agg(s.name || ' ' || regexp_replace(s.name, '[^[:alnum:]]+', ' ', 'g'), ' ' ORDER BY s.id)
           FROM catalog_datasetsymlink s WHERE s.dataset_id = d.id),
        (SELECT string_agg(f.name || ' ' || f.description, ' ' ORDER BY f.ordinal, f.id)
           FROM catalog_field f WHERE f.dataset_id = d.id AND f.removed_at IS NULL),
        (SELECT string_agg(t.name || ' ' || replace(t.name, '.', ' '), ' ' ORDER BY t.name)
           FROM catalog_tag t WHERE t.id IN (
               SELECT dt.tag_id FROM catalog_datasettag dt WHERE dt.dataset_id = d.id
               UNION
               SELECT ft.tag_id FROM catalog_fieldtag ft JOIN catalog_field f ON f.id = ft.field_id
                WHERE f.dataset_id = d.id AND f.removed_at IS NULL)),
        (SELECT string_agg(coalesce(u.username, g.name), ' ' ORDER BY o.id)
           FROM catalog_datasetowner o
           LEFT JOIN identity_user u ON u.id = o.user_id
           LEFT JOIN auth_group g ON g.id = o.group_id
          WHERE o.dataset_id = d.id),
        (SELECT string_agg(concat_ws(' ', g.name, translate(g.synonyms::text, '[]",', '    ')), ' ' ORDER BY g.name)
           FROM catalog_glossaryterm g WHERE g.id IN (
               SELECT dt.term_id FROM catalog_datasetterm dt WHERE dt.dataset_id = d.id
               UNION
               SELECT ft.term_id FROM catalog_fieldterm ft JOIN catalog_field f ON f.id = ft.field_id
                WHERE f.dataset_id = d.id AND f.removed_at IS NULL))
    ), %(limit)s) AS text
    FROM catalog_dataset d WHERE d.id = ANY(%(ids)s)
)
UPDATE catalog_dataset d SET search_text = fresh.text
  FROM fresh WHERE fresh.id = d.id AND d.search_text IS DISTINCT FROM fresh.text
"""


def refresh_search_text(dataset_ids: Collection[int]) -> None:
    """Rewrite the searched text of these datasets from names, fields, tags and owners; one statement.

    Called in the transaction of the change, so that the next query finds it.
    """
    if not dataset_ids:
        return
    with connection.cursor() as cursor:
        cursor.execute(REFRESH_SEARCH_TEXT, {"ids": sorted(dataset_ids), "limit": MAX_SEARCH_TEXT})
