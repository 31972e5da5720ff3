"""The field edges of a job that are in force, from the column lineage of its defining runs."""

from collections.abc import Iterable, Mapping

from catalog.lineage.columns import ColumnEdge, read_column_edges
from catalog.lineage.events import Event, parse_event
from catalog.models import Dataset, Field, FieldEdge, Job, RunEvent
from catalog.services.openlineage.edges import Use
from catalog.services.openlineage.names import resolve_names
from catalog.services.openlineage.runs import schema_field_names

# In `Job.facet_stamps`: which column lineage the open edges were made from, as `dataset:hash`, sorted.
MADE_FROM = "~columns"

EdgeKey = tuple[int, int, str, str]


def sync_field_edges(job: Job, *, uses: Iterable[Use], event: Event, event_id: int) -> None:
    """Open and close the job's field edges so that those in force are the union over `uses`.

    Lineage that was seen before, by its hash, costs nothing. The caller holds the lock of the job's row and
    saves its `facet_stamps`.
    """
    telling = {
        (use.dataset_id, use.column_hash): use for use in uses if use.column_event_id is not None
    }
    made_from = ",".join(f"{dataset}:{digest}" for dataset, digest in sorted(telling))
    if job.facet_stamps.get(MADE_FROM, "") == made_from:
        return
    job.facet_stamps[MADE_FROM] = made_from
    wanted = _wanted_edges(list(telling.values()), event=event, event_id=event_id)
    _write(job, wanted=wanted, event=event)


def _wanted_edges(
    telling: list[Use], *, event: Event, event_id: int
) -> dict[EdgeKey, tuple[ColumnEdge, str]]:
    """The edges by field ids; a masked edge gives way to an unmasked one."""
    tellers = _load_events(telling, event=event, event_id=event_id)
    pairs: list[tuple[int, ColumnEdge, str]] = []
    for use in telling:
        teller = tellers.get(use.column_event_id or 0)
        if teller is not None:
            pairs += [
                (use.dataset_id, edge, use.origin) for edge in _edges_to(use.dataset_id, teller)
            ]
    names = resolve_names({edge.source for _, edge, _ in pairs}, create=True)
    fields = _ensure_fields(
        {(names[edge.source], edge.field) for _, edge, _ in pairs}
        | {(dataset_id, edge.target) for dataset_id, edge, _ in pairs},
        event=event,
    )
    wanted: dict[EdgeKey, tuple[ColumnEdge, str]] = {}
    for dataset_id, edge, origin in pairs:
        key = (
            fields[names[edge.source], edge.field],
            fields[dataset_id, edge.target],
            edge.type,
            edge.subtype,
        )
        known = wanted.get(key)
        if known is None or (known[0].masking and not edge.masking):
            wanted[key] = (edge, origin)
    return wanted


def _load_events(telling: list[Use], *, event: Event, event_id: int) -> Mapping[int, Event]:
    """The events that tell column lineage, parsed; the one in hand is not read again."""
    others = {use.column_event_id for use in telling} - {event_id}
    rows = RunEvent.objects.filter(pk__in=others).values_list("pk", "payload") if others else []
    return {event_id: event, **{pk: parse_event(payload) for pk, payload in rows}}


def _edges_to(dataset_id: int, teller: Event) -> Iterable[ColumnEdge]:
    """What the event tells of the columns of this dataset, whatever name it calls it by."""
    outputs = [each for each in teller.datasets if each.direction == "output"]
    names = resolve_names({each.name for each in outputs}, create=False)
    for each in outputs:
        if names.get(each.name) == dataset_id:
            yield from read_column_edges(
                each.facets.get("columnLineage"), schema_fields=schema_field_names(each)
            )


def _ensure_fields(wanted: set[tuple[int, str]], *, event: Event) -> dict[tuple[int, str], int]:
    """Ids of the fields, made if need be: present where no schema is known, else as one the schema lacks."""
    found = _find_fields(wanted)
    missing = sorted(wanted - found.keys())
    if not missing:
        return found
    with_schema = set(
        Dataset.objects.filter(
            pk__in={dataset_id for dataset_id, _ in missing}, facet_stamps__has_key="schema"
        ).values_list("pk", flat=True)
    )
    Field.objects.bulk_create(
        [
            Field(
                dataset_id=dataset_id,
                name=name,
                created_at=event.time,
                removed_at=event.time if dataset_id in with_schema else None,
            )
            for dataset_id, name in missing
        ],
        ignore_conflicts=True,
    )
    return _find_fields(wanted)


def _find_fields(wanted: set[tuple[int, str]]) -> dict[tuple[int, str], int]:
    rows = Field.objects.filter(
        dataset_id__in={dataset_id for dataset_id, _ in wanted},
        name__in={name for _, name in wanted},
    ).values_list("dataset_id", "name", "pk")
    return {(dataset_id, name): pk for dataset_id, name, pk in rows if (dataset_id, name) in wanted}


def _write(job: Job, *, wanted: Mapping[EdgeKey, tuple[ColumnEdge, str]], event: Event) -> None:
    open_edges = FieldEdge.objects.filter(job=job, valid_to=None)
    present: dict[EdgeKey, FieldEdge] = {
        (row.source_id, row.target_id, row.type, row.subtype): row for row in open_edges
    }
    stale = [row.pk for key, row in present.items() if not _holds(row, wanted.get(key))]
    if stale:
        FieldEdge.objects.filter(pk__in=stale).update(valid_to=event.time)
    gone = set(stale)
    FieldEdge.objects.bulk_create(
        [
            _make(job, key=key, edge=wanted[key][0], origin=wanted[key][1], event=event)
            for key in sorted(wanted)
            if key not in present or present[key].pk in gone
        ]
    )


def _holds(row: FieldEdge, told: tuple[ColumnEdge, str] | None) -> bool:
    return (
        told is not None
        and row.masking == told[0].masking
        and row.description == told[0].description
        and row.origin == told[1]
    )


def _make(job: Job, *, key: EdgeKey, edge: ColumnEdge, origin: str, event: Event) -> FieldEdge:
    source_id, target_id, kind, subtype = key
    return FieldEdge(
        source_id=source_id,
        target_id=target_id,
        job=job,
        type=kind,
        subtype=subtype,
        description=edge.description,
        masking=edge.masking,
        origin=origin,
        valid_from=event.time,
    )
