"""Writing what a client declares: lineage as events through the one engine, descriptions and tags by `manage`."""

from collections.abc import Sequence
from uuid import UUID

from api.marquez.base import MarquezSight, no_such_run
from catalog.lineage.declarations import (
    DeclaredDataset,
    DeclaredField,
    DeclaredJob,
    dataset_event,
    dataset_member,
    job_event,
    job_run_event,
    normalize_tag,
    run_event,
)
from catalog.lineage.events import Name
from catalog.models import Dataset, DatasetTag, Field, FieldTag, Run, RunEvent
from catalog.services.datasets import describe, find_dataset
from catalog.services.openlineage import record_event
from catalog.services.tags import tag_dataset, tag_field
from core.clock import utc_now
from governance.policy.types import Action
from identity.models import User


def record_dataset(
    declared: DeclaredDataset, *, run_id: UUID | None, sender: User, sight: MarquezSight
) -> None:
    """Record the event that tells of the dataset; by `run_id` it is an output of that run, which must be known."""
    now = utc_now()
    # Description and tags go with the event that makes the entry; of one that is there, they need `manage`.
    name = declared.name
    is_new = find_dataset(namespace=name.namespace, name=name.name) is None
    if run_id is None:
        record_event(event=dataset_event(declared, at=now, describe=is_new), sender=sender)
        return
    run = movable_run(run_id, sender=sender, sight=sight)
    event = run_event(
        Name(run.job.namespace, run.job.name),
        run_id=str(run_id),
        event_type="OTHER",
        at=now,
        outputs=[dataset_member(declared, describe=is_new)],
    )
    record_event(event=event, sender=sender)


def record_job(declared: DeclaredJob, *, run_id: UUID | None, sender: User) -> None:
    """Record the event that tells of the job; by `run_id` it is told of that run of it."""
    now = utc_now()
    event = (
        job_event(declared, at=now)
        if run_id is None
        else job_run_event(declared, run_id=str(run_id), at=now)
    )
    record_event(event=event, sender=sender)


def movable_run(run_id: UUID, *, sender: User, sight: MarquezSight) -> Run:
    """The run, if the sender may know of it or sent an event of it; NotFoundError otherwise."""
    run = sight.runs.filter(pk=run_id).select_related("job").first()
    if run is None and RunEvent.objects.filter(run_id=run_id, sender_id=sender.pk).exists():
        run = Run.objects.filter(pk=run_id).select_related("job").first()
    if run is None:
        raise no_such_run()
    return run


def check_description(declared: DeclaredDataset, row: Dataset, *, sight: MarquezSight) -> None:
    """Raise PermissionDeniedError where description or tags would change and the caller may not manage the dataset.

    To who may not view the metadata, any word of it would be a change: nobody learns by trying what is there.
    """
    says = bool(declared.description or declared.tags or any(f.tags for f in declared.fields or ()))
    if not says:
        return
    if row.pk in sight.described_keys([row.pk]) and not _changes(declared, row):
        return
    sight.require(Action.MANAGE, row)


def _changes(declared: DeclaredDataset, row: Dataset) -> bool:
    if declared.description not in {"", row.description}:
        return True
    return bool(_new_tags(declared, row)) or bool(_new_field_tags(declared, row))


def _new_tags(declared: DeclaredDataset, row: Dataset) -> list[str]:
    known = set(DatasetTag.objects.filter(dataset=row).values_list("tag__name", flat=True))
    return sorted({normalize_tag(tag) for tag in declared.tags} - known)


def _new_field_tags(declared: DeclaredDataset, row: Dataset) -> list[tuple[str, str]]:
    known = set(FieldTag.objects.filter(field__dataset=row).values_list("field__name", "tag__name"))
    return sorted(set(_pairs(declared.fields or ())) - known)


def _pairs(fields: Sequence[DeclaredField]) -> list[tuple[str, str]]:
    return [(each.name, normalize_tag(tag)) for each in fields for tag in each.tags]


def apply_description(
    declared: DeclaredDataset, row: Dataset, *, sight: MarquezSight, actor: str
) -> None:
    """Set the description and add the tags that the client gave; `check_description` has allowed it."""
    if row.pk not in sight.described_keys([row.pk]):
        return
    row.refresh_from_db(fields=["description"])
    if declared.description not in {"", row.description}:
        describe(row, description=declared.description, actor=actor)
    for tag in _new_tags(declared, row):
        tag_dataset(row, tag=tag, actor=actor)
    wanted = _new_field_tags(declared, row)
    fields = {
        each.name: each
        for each in Field.objects.present().filter(dataset=row).select_related("dataset")
    }
    for name, tag in wanted:
        if name in fields:
            tag_field(fields[name], tag=tag, actor=actor)
