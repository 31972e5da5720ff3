"""Job and edge lines."""

from collections.abc import Iterable, Mapping, Sequence

from django.db import connection
from msgspec import UNSET, UnsetType

from catalog.models import DatasetEdge, Field, FieldEdge, Job
from catalog.services.bulk.context import ChunkContext, Key, find_datasets
from catalog.services.bulk.copying import insert_missing, uuid7_texts
from catalog.services.bulk.lines import EdgeLine, FieldEdgeLine, FieldRef, JobLine, Ref
from catalog.services.properties import set_job_properties
from core.errors import LakewardenError, PermissionDeniedError, UnprocessableError

NO_DATASET = "there is no dataset of this name that you may manage"
NO_FIELD = "there is no field of this name that you may view"


def import_jobs(lines: Sequence[tuple[int, JobLine]], *, context: ChunkContext) -> None:
    """Make or change jobs. Who stewards nothing makes none; a known one is changed by who manages all that it writes."""
    known = _find_jobs(line for _, line in lines)
    mine = context.rights.manageable_jobs(set(known.values()))
    new = []
    for number, line in lines:
        pk = known.get((line.namespace, line.name))
        if pk is None and context.rights.administers_any():
            new.append((number, line))
        elif pk is None or pk not in mine:
            error = PermissionDeniedError("you may not manage a job of this name")
            context.refuse(number, error)
    _insert_jobs({(line.namespace, line.name): line for _, line in new})
    known = _find_jobs(line for _, line in lines)
    rows = (
        Job.objects.select_for_update(no_key=True)
        .defer("facets", "facet_stamps")
        .in_bulk(sorted(set(known.values())))
    )
    made = {number for number, _ in new}
    for number, line in lines:
        if number not in context.refused:
            _apply_job(
                number,
                line,
                row=rows[known[line.namespace, line.name]],
                is_new=number in made,
                context=context,
            )


def _apply_job(
    number: int, line: JobLine, *, row: Job, is_new: bool, context: ChunkContext
) -> None:
    told = {"type": line.type, "description": line.description}
    differing = {
        key: value
        for key, value in told.items()
        if value is not UNSET and getattr(row, key) != value
    }
    if differing:
        for key, value in differing.items():
            setattr(row, key, value)
        row.save(update_fields=[*differing, "updated_at"])
    changed = bool(differing)
    if not isinstance(line.properties, UnsetType):
        try:
            changed |= set_job_properties(row, properties=line.properties, actor=context.actor)
        except LakewardenError as error:
            context.refuse(number, error)
            return
    context.counts["created" if is_new else "updated" if changed else "unchanged"] += 1


def _find_jobs(refs: Iterable[Ref | JobLine]) -> dict[Key, int]:
    """The ids of the jobs of these names that there are; one query."""
    wanted = sorted({(each.namespace, each.name) for each in refs})
    if not wanted:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(FIND_JOBS, [[key[0] for key in wanted], [key[1] for key in wanted]])
        return {(namespace, name): pk for namespace, name, pk in cursor.fetchall()}


FIND_JOBS = """
SELECT j.namespace, j.name, j.id FROM unnest(%s::text[], %s::text[]) AS q (namespace, name)
  JOIN catalog_job j ON j.namespace = q.namespace AND j.name = q.name
"""


def _insert_jobs(named: Mapping[Key, JobLine | None]) -> None:
    """Make jobs of these names, with what lines tell of them."""
    rows = []
    for uuid, key in zip(uuid7_texts(len(named)), sorted(named), strict=True):
        line = named[key]
        told = (line.type or "", line.description or "") if line is not None else ("", "")
        rows.append((uuid, *key, *told))
    insert_missing(Job, ("uuid", "namespace", "name", "type", "description"), rows)


def import_edges(lines: Sequence[tuple[int, EdgeLine]], *, context: ChunkContext) -> None:
    """Open edges between jobs, made if need be, and datasets that the importer may manage. One that is open stays."""
    datasets = find_datasets((line.dataset.namespace, line.dataset.name) for _, line in lines)
    manageable = context.rights.manageable(set(datasets.values()))
    taken = []
    for number, line in lines:
        pk = datasets.get((line.dataset.namespace, line.dataset.name))
        if pk is None or pk not in manageable:
            context.refuse(number, UnprocessableError(NO_DATASET, pointer="/dataset"))
        else:
            taken.append((line, pk))
    jobs = _ensure_jobs([line.job for line, _ in taken])
    _lock_jobs(jobs.values())
    rows = sorted(
        {
            (pk, jobs[line.job.namespace, line.job.name], line.direction.value): line.origin.value
            for line, pk in taken
        }.items()
    )
    made = insert_missing(
        DatasetEdge,
        ("dataset_id", "job_id", "direction", "origin", "valid_from"),
        [(*key, origin, context.now) for key, origin in rows],
    )
    context.counts["created"] += made
    context.counts["unchanged"] += len(taken) - made


def _ensure_jobs(refs: Sequence[Ref]) -> dict[Key, int]:
    known = _find_jobs(refs)
    missing = {(each.namespace, each.name) for each in refs} - known.keys()
    if missing:
        _insert_jobs(dict.fromkeys(missing))
        known = _find_jobs(refs)
    return known


def _lock_jobs(ids: Iterable[int]) -> None:
    """INVARIANT: who opens or closes edges of a job holds the lock of its row, events and imports alike."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK_JOBS, [sorted(set(ids))])


LOCK_JOBS = "SELECT id FROM catalog_job WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE"


def import_field_edges(
    lines: Sequence[tuple[int, FieldEdgeLine]], *, context: ChunkContext
) -> None:
    """Open edges between fields: the importer manages the target's dataset and may view the source's metadata."""
    sides = [each for _, line in lines for each in (line.source, line.target)]
    datasets = find_datasets((each.namespace, each.name) for each in sides)
    ids = set(datasets.values())
    manageable, described = context.rights.manageable(ids), context.rights.described(ids)
    fields = _find_fields(sides, datasets=datasets)
    taken = []
    for number, line in lines:
        source = _field_of(line.source, datasets=datasets, fields=fields, within=described)
        target = _field_of(line.target, datasets=datasets, fields=fields, within=manageable)
        if source is None or target is None:
            side = "source" if source is None else "target"
            context.refuse(number, UnprocessableError(NO_FIELD, pointer=f"/{side}"))
        else:
            taken.append((line, source, target))
    jobs = _ensure_jobs([line.job for line, _, _ in taken if line.job is not None])
    _lock_jobs(jobs.values())
    rows = {}
    for line, source, target in taken:
        job = jobs[line.job.namespace, line.job.name] if line.job is not None else None
        key = (source, target, job, line.type, line.subtype)
        rows[key] = (line.description, line.masking, line.origin.value, context.now)
    columns = ("source_id", "target_id", "job_id", "type", "subtype")
    made = insert_missing(
        FieldEdge,
        (*columns, "description", "masking", "origin", "valid_from"),
        [
            (*key, *rows[key])
            for key in sorted(rows, key=lambda key: (key[:2], key[2] or 0, key[3:]))
        ],
    )
    context.counts["created"] += made
    context.counts["unchanged"] += len(taken) - made


def _find_fields(
    refs: Sequence[FieldRef], *, datasets: dict[Key, int]
) -> dict[tuple[int, str], int]:
    wanted = {
        (datasets[each.namespace, each.name], each.field)
        for each in refs
        if (each.namespace, each.name) in datasets
    }
    rows = Field.objects.present().filter(
        dataset_id__in={key[0] for key in wanted}, name__in={key[1] for key in wanted}
    )
    found = rows.values_list("dataset_id", "name", "pk")
    return {(dataset, name): pk for dataset, name, pk in found if (dataset, name) in wanted}


def _field_of(
    ref: FieldRef,
    *,
    datasets: dict[Key, int],
    fields: dict[tuple[int, str], int],
    within: object,
) -> int | None:
    dataset = datasets.get((ref.namespace, ref.name))
    if dataset is None or dataset not in within:  # type: ignore[operator]
        return None
    return fields.get((dataset, ref.field))
