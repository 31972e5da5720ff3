"""Two entries that turn out to be one dataset become one."""

from django.db import connection

from catalog.models import Dataset, DatasetSymlink, DatasetTelling
from catalog.services.search import refresh_search_text
from core import audit

# Each statement moves what hangs on the source to the target, and drops what the target has already.
# Fields are joined by name; everything below a field follows it.
MERGE_STATEMENTS = (
    # Fields that both have: repoint what refers to the source's field, unless that would be a duplicate.
    """CREATE TEMPORARY TABLE IF NOT EXISTS merged_field (old_id bigint PRIMARY KEY, new_id bigint) ON COMMIT DELETE ROWS""",
    """DELETE FROM merged_field""",
    """INSERT INTO merged_field SELECT s.id, t.id FROM catalog_field s JOIN catalog_field t
        ON t.name = s.name AND t.dataset_id = %(target)s WHERE s.dataset_id = %(source)s""",
    """DELETE FROM catalog_fieldedge e USING merged_field m WHERE e.source_id = m.old_id AND e.valid_to IS NULL AND EXISTS (
        SELECT 1 FROM catalog_fieldedge k WHERE k.valid_to IS NULL AND k.source_id = m.new_id AND k.target_id = e.target_id
        AND k.job_id IS NOT DISTINCT FROM e.job_id AND k.type = e.type AND k.subtype = e.subtype)""",
    """UPDATE catalog_fieldedge e SET source_id = m.new_id FROM merged_field m WHERE e.source_id = m.old_id""",
    """DELETE FROM catalog_fieldedge e USING merged_field m WHERE e.target_id = m.old_id AND e.valid_to IS NULL AND EXISTS (
        SELECT 1 FROM catalog_fieldedge k WHERE k.valid_to IS NULL AND k.target_id = m.new_id AND k.source_id = e.source_id
        AND k.job_id IS NOT DISTINCT FROM e.job_id AND k.type = e.type AND k.subtype = e.subtype)""",
    """UPDATE catalog_fieldedge e SET target_id = m.new_id FROM merged_field m WHERE e.target_id = m.old_id""",
    """INSERT INTO catalog_fieldtag (field_id, tag_id, source, created_at)
        SELECT m.new_id, t.tag_id, t.source, t.created_at FROM catalog_fieldtag t JOIN merged_field m ON m.old_id = t.field_id
        ON CONFLICT DO NOTHING""",
    """DELETE FROM catalog_fieldtag t USING merged_field m WHERE t.field_id = m.old_id""",
    """INSERT INTO catalog_fieldterm (field_id, term_id, created_at)
        SELECT m.new_id, t.term_id, t.created_at FROM catalog_fieldterm t JOIN merged_field m ON m.old_id = t.field_id
        ON CONFLICT DO NOTHING""",
    """DELETE FROM catalog_fieldterm t USING merged_field m WHERE t.field_id = m.old_id""",
    """UPDATE catalog_fieldproperties p SET field_id = m.new_id FROM merged_field m WHERE p.field_id = m.old_id
        AND NOT EXISTS (SELECT 1 FROM catalog_fieldproperties k WHERE k.field_id = m.new_id)""",
    """DELETE FROM catalog_fieldproperties p USING merged_field m WHERE p.field_id = m.old_id""",
    """DELETE FROM catalog_field f USING merged_field m WHERE f.id = m.old_id""",
    # A field that only the source had says nothing about the schema of the target, unless that has none.
    """UPDATE catalog_field f SET dataset_id = %(target)s, removed_at = CASE WHEN
        (SELECT d.facet_stamps ? 'schema' FROM catalog_dataset d WHERE d.id = %(target)s)
        THEN coalesce(f.removed_at, now()) ELSE f.removed_at END WHERE f.dataset_id = %(source)s""",
    """DELETE FROM catalog_rundataset r WHERE r.dataset_id = %(source)s AND EXISTS (SELECT 1 FROM catalog_rundataset k
        WHERE k.dataset_id = %(target)s AND k.run_id = r.run_id AND k.direction = r.direction)""",
    """UPDATE catalog_rundataset SET dataset_id = %(target)s WHERE dataset_id = %(source)s""",
    """DELETE FROM catalog_datasetedge e WHERE e.dataset_id = %(source)s AND e.valid_to IS NULL AND EXISTS (
        SELECT 1 FROM catalog_datasetedge k WHERE k.dataset_id = %(target)s AND k.valid_to IS NULL AND k.job_id = e.job_id
        AND k.direction = e.direction)""",
    """UPDATE catalog_datasetedge SET dataset_id = %(target)s WHERE dataset_id = %(source)s""",
    """INSERT INTO catalog_datasettag (dataset_id, tag_id, source, created_at)
        SELECT %(target)s, t.tag_id, t.source, t.created_at FROM catalog_datasettag t WHERE t.dataset_id = %(source)s
        ON CONFLICT DO NOTHING""",
    """DELETE FROM catalog_datasettag WHERE dataset_id = %(source)s""",
    """INSERT INTO catalog_datasetterm (dataset_id, term_id, created_at)
        SELECT %(target)s, t.term_id, t.created_at FROM catalog_datasetterm t WHERE t.dataset_id = %(source)s
        ON CONFLICT DO NOTHING""",
    """DELETE FROM catalog_datasetterm WHERE dataset_id = %(source)s""",
    """INSERT INTO catalog_dataproductport (product_id, dataset_id, direction)
        SELECT p.product_id, %(target)s, p.direction FROM catalog_dataproductport p WHERE p.dataset_id = %(source)s
        ON CONFLICT DO NOTHING""",
    """DELETE FROM catalog_dataproductport WHERE dataset_id = %(source)s""",
    # A dataset is at one source: that of the target stays.
    """UPDATE catalog_datasource_datasets SET dataset_id = %(target)s WHERE dataset_id = %(source)s AND NOT EXISTS (
        SELECT 1 FROM catalog_datasource_datasets k WHERE k.dataset_id = %(target)s)""",
    """UPDATE catalog_datacontract SET dataset_id = %(target)s, number = number + coalesce(
        (SELECT max(number) FROM catalog_datacontract WHERE dataset_id = %(target)s), 0) WHERE dataset_id = %(source)s""",
    """UPDATE catalog_datasetsymlink SET dataset_id = %(target)s WHERE dataset_id = %(source)s""",
    """UPDATE catalog_dataset SET current_version_id = NULL WHERE id = %(source)s""",
    """UPDATE catalog_datasetversion SET dataset_id = %(target)s, number = number + coalesce(
        (SELECT max(number) FROM catalog_datasetversion WHERE dataset_id = %(target)s), 0) WHERE dataset_id = %(source)s""",
)


def merge_datasets(*, source: Dataset, target: Dataset, actor: str) -> None:
    """Make `source`, which only events know, one with `target`; its name becomes a symlink.

    INVARIANT: `source` is not declared, so nothing of `storage` hangs on it. Its grants and owners end with it:
    an event must not widen who may see `target`. The caller holds the locks of both rows.
    """
    with connection.cursor() as cursor:
        for statement in MERGE_STATEMENTS:
            cursor.execute(statement, {"source": source.pk, "target": target.pk})
    _fold_tellings(source, target)
    former = source.node_id
    namespace, name = source.namespace, source.name
    _merge_row(source=source, target=target)
    source.delete()
    DatasetSymlink.objects.create(dataset=target, namespace=namespace, name=name, direct=True)
    audit.record(
        actor=actor,
        action="dataset.merge",
        resource=target.node_id,
        payload={"merged": former},
    )
    refresh_search_text([target.pk])


def _fold_tellings(*datasets: Dataset) -> None:
    """Give each facet the stamp of the last event that told it: the merged ones must be told anew to be in force."""
    # That package merges what turns out to be one, and so imports this module.
    from catalog.services.openlineage.tellings import DATASET, fold

    told = fold(DATASET, [each.pk for each in datasets])
    for each in datasets:
        told.fold_into(each.pk, each.facet_stamps)
    DatasetTelling.objects.filter(dataset__in=datasets).delete()


def _merge_row(*, source: Dataset, target: Dataset) -> None:
    """Facets by stamp; the text that people wrote on the target stays."""
    for name, stamp in source.facet_stamps.items():
        if target.facet_stamps.get(name, "") < stamp:
            target.facet_stamps[name] = stamp
            target.facets.pop(name, None)
            if name in source.facets:
                target.facets[name] = source.facets[name]
    target.description = target.description or source.description
    target.save(update_fields=["facets", "facet_stamps", "description", "updated_at"])
