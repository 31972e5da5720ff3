"""Namespaces: declared by people, or implied by the datasets and jobs that bear them."""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.marquez.base import (
    LINEAGE,
    PAGE,
    MarquezSight,
    MarquezView,
    instant,
    read_window,
)
from api.marquez.bodies import NamespaceBody, read_body
from api.marquez.schemas import NamespaceListSerializer, NamespaceSerializer
from api.openlineage.access import require_sender
from catalog.models import Dataset, Job, Namespace
from catalog.queries.job_pages import jobs_that_hide
from catalog.queries.namespaces import NamespaceEntry, find_namespace, list_namespaces
from catalog.services.datasets import delete_dataset
from catalog.services.namespaces import hide_namespace, save_namespace
from catalog.services.removals import remove_job
from core.clock import utc_now
from core.errors import NotFoundError, PermissionDeniedError, UnprocessableError
from governance.policy.types import Action
from governance.queries import visible_datasets
from identity.models import User

# Marquez's word for the owner of what nobody declared.
NOBODY = "anonymous"
MAX_DELETED_AT_ONCE = 1_000


class NamespaceListView(MarquezView):
    """The namespaces that hold something which the caller may discover, and those that they declared."""

    @extend_schema(
        operation_id="marquez_namespaces_list", parameters=PAGE, responses=NamespaceListSerializer
    )
    def get(self, request: Request) -> Response:
        sight = MarquezSight(request)
        limit, offset = read_window(request)
        found = list_namespaces(
            datasets=sight.visible,
            jobs=sight.jobs,
            rows=own_rows(sight),
            limit=limit,
            offset=offset,
            most=sight.sees_most,
        )
        return Response({"namespaces": [_data(each) for each in found]})


class NamespaceView(MarquezView):
    """One namespace."""

    token_scopes = {"PUT": LINEAGE}

    @extend_schema(operation_id="marquez_namespaces_retrieve", responses=NamespaceSerializer)
    def get(self, request: Request, namespace: str) -> Response:
        return Response(_data(_in_sight(MarquezSight(request), namespace)))

    @extend_schema(
        operation_id="marquez_namespaces_update",
        request=NamespaceBody,
        responses=NamespaceSerializer,
    )
    def put(self, request: Request, namespace: str) -> Response:
        """Declare the namespace. Only who declared it first, and administrators, change what is said of it."""
        sender = require_sender(request)
        values = read_body(request, NamespaceBody)
        sight = MarquezSight(request)
        row = Namespace.objects.filter(name=namespace).first()
        if row is not None and not may_change(row, sender=sender):
            return Response(_answer_unchanged(sight, row, values))
        row = save_namespace(
            name=namespace,
            owner_name=values["ownerName"],
            description=values.get("description"),
            by=sender,
        )
        return Response(_data(NamespaceEntry(row.name, row, row.created_at, row.updated_at)))

    @extend_schema(operation_id="marquez_namespaces_destroy", responses=NamespaceSerializer)
    def delete(self, request: Request, namespace: str) -> Response:
        """Delete the datasets and jobs of the namespace that the caller sees, all of which must be theirs to administer."""
        sight = MarquezSight(request)
        entry = _in_sight(sight, namespace)
        datasets = sight.visible.filter(namespace=namespace)
        jobs = sight.jobs.filter(namespace=namespace)
        _require_all(sight, datasets=datasets, jobs=jobs)
        _delete(entry, datasets=datasets, jobs=jobs, by=_user(request))
        return Response(_data(entry))


def own_rows(sight: MarquezSight) -> QuerySet[Namespace]:
    """The declared namespaces that the caller sees for their own sake."""
    rows = Namespace.objects.filter(hidden=False)
    return rows if sight.sees_everything else rows.filter(created_by_id=_reader_id(sight))


def _reader_id(sight: MarquezSight) -> Any:
    return sight.principal.id if sight.principal.token_allows(Action.DISCOVER) else None


def may_change(row: Any, *, sender: User) -> bool:
    """Whether `sender` declared the namespace or source first, or is an administrator."""
    return sender.is_superuser or row.created_by_id == sender.pk


def _in_sight(sight: MarquezSight, name: str) -> NamespaceEntry:
    found = find_namespace(name, datasets=sight.visible, jobs=sight.jobs, rows=own_rows(sight))
    if found is None:
        raise NotFoundError("there is no such namespace")
    return found


def _answer_unchanged(
    sight: MarquezSight, row: Namespace, values: dict[str, Any]
) -> dict[str, Any]:
    """For who may not change the row: the row if it says the same, their own words if they may not see it."""
    found = find_namespace(row.name, datasets=sight.visible, jobs=sight.jobs, rows=own_rows(sight))
    if found is None:
        now = instant(utc_now())
        return {
            "name": row.name,
            "createdAt": now,
            "updatedAt": now,
            "ownerName": values["ownerName"],
            "description": values.get("description"),
            "isHidden": False,
        }
    told = values.get("description")
    if values["ownerName"] != row.owner_name or told not in {None, row.description}:
        raise PermissionDeniedError("somebody else declared this namespace")
    return _data(found)


def _require_all(sight: MarquezSight, *, datasets: QuerySet[Dataset], jobs: QuerySet[Job]) -> None:
    administered = visible_datasets(sight.principal, action=Action.ADMINISTER, facts=sight.facts)
    if datasets.exclude(pk__in=administered.order_by().values("pk")).exists():
        raise PermissionDeniedError("you do not administer every dataset of this namespace")
    if datasets.count() + jobs.count() > MAX_DELETED_AT_ONCE:
        raise UnprocessableError(
            f"the namespace holds more than {MAX_DELETED_AT_ONCE} datasets and jobs: delete some first"
        )
    keys = list(jobs.values_list("pk", flat=True))
    managed = visible_datasets(sight.principal, action=Action.MANAGE, facts=sight.facts)
    if not sight.sees_everything and jobs_that_hide(keys, described=managed):
        raise PermissionDeniedError("you do not manage every dataset that a job here uses")


@transaction.atomic
def _delete(
    entry: NamespaceEntry, *, datasets: QuerySet[Dataset], jobs: QuerySet[Job], by: User
) -> None:
    for job in list(jobs.order_by("pk")):
        remove_job(job, by=by)
    for dataset in list(datasets.order_by("pk")):
        delete_dataset(dataset, actor=by.username)
    if entry.row is not None and may_change(entry.row, sender=by):
        hide_namespace(entry.row, by=by)


def _user(request: Request) -> User:
    user: User = request.user  # type: ignore[assignment]
    return user


def _data(entry: NamespaceEntry) -> dict[str, Any]:
    row = entry.row
    return {
        "name": entry.name,
        "createdAt": instant(entry.created_at),
        "updatedAt": instant(entry.updated_at),
        "ownerName": row.owner_name if row else NOBODY,
        "description": (row.description or None) if row else None,
        "isHidden": bool(row and row.hidden),
    }
