"""The dry run: what an erasure would touch, what stands against it, what it cannot reach. Nothing is written but the plan."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from catalog.models import Dataset
from catalog.models.dataset import DatasetKind
from core.clock import utc_now
from core.errors import LakewardenError
from governance.holds import describe_holds, holds_on, holds_on_person, rules_in_force, terms_of
from governance.models import ErasureRequest
from governance.policy.types import Principal
from governance.retention.identifiers import forms_of
from governance.retention.precedence import Cause, decide_deletion
from governance.retention.rules import Rule
from governance.services.erasures import identifiers_of, keep_plan
from storage.backends import open_uri
from storage.models import IcebergTable, Movement
from storage.models.movement import UNFINISHED
from storage.services.erasure.copies import copies_of
from storage.services.erasure.matching import Matcher
from storage.services.erasure.reach import Reached, also, reach
from storage.services.erasure.scanning import scan_objects, scan_table
from storage.tables.io import file_io
from storage.tables.metadata import parse_metadata

OURS = (DatasetKind.TABLE, DatasetKind.COLLECTION)
# What no plan can know of, said in each.
ALWAYS = (
    ("backups", "backups of the database and of the stores, until they are written over"),
    ("metadata", "lineage events, as producers sent them, and records of the audit log"),
)


@dataclass
class Part:
    """One dataset of a plan. `entry` is what is told of it: counts and names of columns, no value of the data."""

    reached: Reached
    entry: dict[str, Any]
    affected: bool = False
    conflicts: list[dict[str, str]] = field(default_factory=list)
    remains: list[dict[str, str]] = field(default_factory=list)


def plan_erasure(request: ErasureRequest, *, by: Principal) -> ErasureRequest:
    """Search all that may hold the person, and keep what was found with the request. See `make_plan`."""
    return keep_plan(request, make_plan(request), by=by)


def make_plan(request: ErasureRequest) -> dict[str, Any]:
    """The plan: per dataset how it is found, rows, files, snapshots and objects; conflicts; what remains.

    Reads every data file of what lineage reaches. Raises NotFoundError for a named column that is not,
    BackendUnavailableError.
    """
    identifiers = identifiers_of(request)
    matcher, rules = Matcher(forms_of(identifiers)), rules_in_force()
    parts = [look_at(each, matcher, rules) for each in find_reached(request).values()]
    affected = [each for each in parts if each.affected]
    conflicts = [each for part in parts for each in part.conflicts]
    conflicts += [
        {"kind": "hold", "of": "the person", "text": text}
        for text in describe_holds(holds_on_person(identifiers))
    ]
    told = copies_of([each.reached.dataset.pk for each in parts])
    remains = [each for part in parts for each in part.remains]
    remains += [{"kind": each.kind, "of": each.of, "text": each.text} for each in told.remains]
    remains += [{"kind": kind, "of": "", "text": text} for kind, text in ALWAYS]
    if not request.everywhere:
        text = "tables and collections that lineage does not connect with the labelled fields were not searched"
        remains.append({"kind": "unconnected", "of": "", "text": text})
    return {
        "datasets": [each.entry for each in parts],
        "affected": [str(each.reached.dataset.uuid) for each in affected],
        "rows": sum(each.entry.get("rows", 0) for each in parts),
        "objects": sum(each.entry.get("objects", 0) for each in parts),
        "conflicts": conflicts,
        "remains": remains,
    }


def find_reached(request: ErasureRequest) -> dict[int, Reached]:
    """What is searched for a request, in the order in which it is erased: sources before what is derived from them."""
    found = reach(identifiers_of(request))
    told = copies_of(found.keys())
    found |= also(told.datasets - found.keys(), "copy")
    if request.everywhere:
        ours = Dataset.objects.filter(kind__in=OURS).values_list("pk", flat=True)
        found |= also(set(ours) - found.keys(), "searched")
    return found


def look_at(reached: Reached, matcher: Matcher, rules: Sequence[Rule]) -> Part:
    """One dataset's part, found by reading it."""
    dataset = reached.dataset
    part = Part(reached, {"dataset": str(dataset.uuid), "name": dataset.name, "why": reached.why})
    part.entry["kind"] = dataset.kind
    table = IcebergTable.objects.filter(dataset=dataset).first()
    if table is not None:
        _look_at_table(part, table, matcher, rules)
    elif dataset.kind == DatasetKind.COLLECTION:
        _look_at_collection(part, matcher, rules)
    elif dataset.kind == DatasetKind.VIEW:
        part.entry["found"] = "a view holds nothing of its own"
    else:
        _remain(part, dataset.kind, _outside(dataset))
    if reached.aggregated or reached.why == "influenced":
        _remain(part, "aggregate", "figures that the person is part of stay; compute them anew")
    return part


def _look_at_table(
    part: Part, table: IcebergTable, matcher: Matcher, rules: Sequence[Rule]
) -> None:
    metadata = parse_metadata(table.metadata)
    try:
        found = scan_table(metadata, file_io(), matcher, reached=part.reached.fields)
    except (LakewardenError, OSError) as error:
        _conflict(part, "unreadable", f"a file cannot be read ({type(error).__name__})")
        return
    heads = {ref.snapshot_id for ref in metadata.refs.values()}
    live = {path for head in heads for path in found.live.get(head, set())}
    affected, snapshots = found.affected, found.snapshots()
    part.affected = bool(affected)
    part.entry |= {
        "columns": sorted(found.columns),
        "masked_columns": sorted(part.reached.masked),
        "aggregated_columns": sorted(part.reached.aggregated),
        "rows": sum(found.rows[path] for path in affected & live),
        "rows_in_history": sum(found.rows[path] for path in affected - live),
        "files": len(affected),
        "snapshots": len(snapshots),
        "refs": sorted(
            name
            for name, ref in metadata.refs.items()
            if ref.snapshot_id in snapshots and name != "main"
        ),
        "moving": Movement.objects.filter(table=table, state__in=UNFINISHED).count(),
    }
    for path in sorted(found.unreadable):
        _conflict(part, "unreadable", f"a file of the format `{path.rpartition('.')[2]}`")
    if found.delete_files:
        _conflict(part, "delete-files", "delete files hold values: compact the table first")
    ages = [found.added_at[path] for path in affected if path in found.added_at]
    if affected:
        _judge(part, rules, age=utc_now() - max(ages) if ages else None, uris=affected)


def _look_at_collection(part: Part, matcher: Matcher, rules: Sequence[Rule]) -> None:
    found = scan_objects(part.reached.dataset.pk, matcher)
    part.affected = bool(found.objects)
    part.entry |= {"objects": len(found.objects), "unsearched": found.unsearched}
    if found.unsearched:
        _remain(part, "content", f"the content of {found.unsearched} objects was not searched")
    if found.objects:
        newest = max(each.added_at for each in found.objects)
        _judge(part, rules, age=utc_now() - newest, uris=[each.uri for each in found.objects])


def _judge(
    part: Part, rules: Sequence[Rule], *, age: timedelta | None, uris: Iterable[str]
) -> None:
    dataset = part.reached.dataset
    verdict = decide_deletion(
        Cause.ERASURE,
        holds=describe_holds(holds_on(dataset)),
        terms=terms_of(dataset, rules),
        age=age,
    )
    for reason in verdict.reasons:
        _conflict(part, verdict.beaten_by, reason)
    locked = sum(backend.is_locked(key) for backend, key in map(open_uri, sorted(uris)))
    if locked:
        _conflict(part, "object-lock", f"the store keeps {locked} files against removal")


def _outside(dataset: Dataset) -> str:
    if dataset.kind in (DatasetKind.TOPIC, DatasetKind.STREAM):
        return "a topic keeps its records until its own retention"
    if dataset.kind == DatasetKind.MODEL:
        return "a model learned from the data: train it anew"
    return "its bytes are in another system: erase there"


def _conflict(part: Part, kind: str, text: str) -> None:
    part.conflicts.append({"kind": kind, "of": part.reached.dataset.node_id, "text": text})


def _remain(part: Part, kind: str, text: str) -> None:
    part.remains.append({"kind": kind, "of": part.reached.dataset.node_id, "text": text})
